"""The browser's own history, whose steps forward are steps back; and the History view."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from benchmarks.seed import seed
from benchmarks.seeding.scale import Scale
from tests.kit.app import App, dashboard
from tests.kit.browser import expect_settled, needs_chromium, table_box
from tests.kit.waiting import until

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
    page.get_by_role("button", name="After it").click()
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
    second, third = (page.get_by_text(re.compile(rf"\b{day} Jan 04\W+04\W+05")) for day in (2, 3))
    expect(second).to_be_visible()
    page.get_by_role("button", name="+1 d", exact=True).click()
    expect(third).to_be_visible()
    page.wait_for_url("**2026-01-03*")
    page.go_back()
    expect(second).to_be_visible()
    assert "2026-01-02" in page.url


def rows(page: Page) -> list[list[str]]:
    """The cells of the table, in the copy for screen readers."""
    found: list[list[str]] = page.evaluate(
        """() => [...document.querySelectorAll("[data-testid=stDataFrame] canvas tbody tr")]
            .map(row => [...row.cells].map(cell => cell.textContent))"""
    )
    return found


def open_history(app: App, page: Page, *, limit: int) -> None:
    page.goto(f"{app.url}/history?range=all&limit={limit}")
    expect(page.get_by_text(re.compile("Showing the newest"))).to_be_visible()
    page.wait_for_selector(DRAWN, state="attached")
    expect_settled(page)


def turn(page: Page, label: str) -> None:
    """Press a button, until the table has other rows."""
    before = rows(page)
    page.get_by_role("button", name=label, exact=True).click()
    until(lambda: rows(page) not in ([], before), f"{label} has been drawn")


def test_pages_of_events_are_turned_in_both_directions(app: App, page: Page) -> None:
    open_history(app, page, limit=20)
    newest = rows(page)
    for label in ("Older", "Older", "Newer"):
        turn(page, label)
    page.get_by_role("button", name="Oldest", exact=True).click()
    page.wait_for_url("**after=0*")
    expect(page.get_by_role("button", name="Older", exact=True)).to_be_disabled()
    page.get_by_role("button", name="Newest", exact=True).click()
    until(lambda: rows(page) == newest, "the newest page is drawn again")


def test_the_newest_page_stands_still_until_new_events_are_asked_for(app: App, page: Page) -> None:
    open_history(app, page, limit=20)
    before = rows(page)
    with closing(sqlite3.connect(app.log.parent / "porteye.db")) as connection, connection:
        connection.execute(
            "INSERT INTO event (host_id, at, kind, seen, listener_id, port, program_id)"
            " SELECT host_id, at, kind, seen, listener_id, port, program_id FROM event"
            " ORDER BY id DESC LIMIT 3"
        )
    new = page.get_by_role("button", name="3 new events. Show")
    expect(new).to_be_visible()
    assert rows(page) == before
    new.click()
    until(lambda: rows(page) not in ([], before), "the new events are drawn")
    expect(new).to_have_count(0)


def test_a_click_on_a_row_opens_its_listener_and_one_on_its_clock_the_moment(
    app: App, page: Page
) -> None:
    open_history(app, page, limit=20)
    box = table_box(page)
    page.mouse.click(box["x"] + 330, box["y"] + 38 + 35 * 2 + 17)
    page.wait_for_url("**listener=*")
    expect(page.get_by_role("dialog")).to_be_visible()
    open_history(app, page, limit=20)
    page.mouse.click(box["x"] + 185, box["y"] + 38 + 35 * 2 + 17)
    page.wait_for_url("**/timeline?*at=*")
