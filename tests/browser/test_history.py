"""The browser's own history: one step forward is one step back, and back is as it was."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from benchmarks.seed import seed
from benchmarks.seeding.scale import Scale
from tests.kit.app import App, dashboard
from tests.kit.browser import needs_chromium

pytestmark = needs_chromium

DRAWN = "[data-testid=stDataFrame] canvas td"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder: Path = tmp_path_factory.mktemp("history")
    db = folder / "porteye.db"
    seed(db, Scale(days=1, listeners=20, events=500, seed=1, sample_days=1, watching=True))
    with dashboard(db, folder, PORTEYE_MONITOR="off") as running:
        yield running


def entries(page: Page) -> int:
    return int(page.evaluate("history.length"))


def go(page: Page, view: str) -> None:
    page.get_by_role("link", name=view, exact=True).click()
    page.wait_for_url(f"**/{view.lower().replace(' ', '_')}?*")
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)


def test_a_view_is_one_step_away_and_one_step_back(app: App, page: Page) -> None:
    page.goto(f"{app.url}/?protocol=tcp")
    page.wait_for_selector(DRAWN, state="attached")
    for view in ("History", "Timeline"):
        before, address = entries(page), page.url
        go(page, view)
        assert parse_qs(urlsplit(page.url).query)["protocol"] == ["tcp"]
        assert entries(page) == before + 1
        page.go_back()
        page.wait_for_url(address)
        go(page, view)


def test_a_story_is_one_step_away_and_one_step_back(app: App, page: Page) -> None:
    story = f"{app.url}/listener?listener=1&protocol=tcp"
    page.goto(story)
    page.get_by_test_id("stMain").get_by_role("button", name=re.compile(r"\btcp\b")).first.click()
    page.wait_for_function("address => location.href !== address", arg=story)
    assert entries(page) == 3  # the blank page, and two stories
    said = parse_qs(urlsplit(page.url).query)
    assert said["listener"] != ["1"]
    assert said["protocol"] == ["tcp"]
    page.go_back()
    page.wait_for_url(story)


def test_back_brings_the_filters_back_that_were_set_then(app: App, page: Page) -> None:
    page.goto(f"{app.url}/history?range=7d")
    chosen = page.get_by_role("combobox", name="Protocol")
    expect(chosen).to_have_value("TCP and UDP")
    chosen.click()
    page.get_by_role("option", name="UDP", exact=True).click()
    page.wait_for_url("**protocol=udp*")
    page.go_back()
    expect(chosen).to_have_value("TCP and UDP")
    assert "range=7d" in page.url
    page.go_forward()
    expect(chosen).to_have_value("UDP")


def test_back_brings_back_the_moment_that_the_timeline_showed(app: App, page: Page) -> None:
    page.goto(f"{app.url}/timeline?at=2026-01-02T03:04:05Z")
    second, third = (page.get_by_text(re.compile(rf"\b{day} Jan 03\W+04\W+05")) for day in (2, 3))
    expect(second).to_be_visible()
    page.get_by_role("button", name="+1 d", exact=True).click()
    expect(third).to_be_visible()
    page.wait_for_url("**2026-01-03*")
    page.go_back()
    expect(second).to_be_visible()
    assert "2026-01-02" in page.url
