"""The export of the history: one press on the page brings a file with every event."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Download, Page, expect

from benchmarks.seed import seed
from benchmarks.seeding.scale import Scale
from tests.kit.app import App, dashboard
from tests.kit.browser import PATIENCE, WHOLE, chromium, expect_settled, needs_chromium, save

pytestmark = needs_chromium

EVENTS = 60_000
TOKEN = "correct-horse-battery-staple"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("export") / "porteye.db"
    seed(db, Scale(days=2, listeners=60, events=EVENTS, seed=1, sample_days=1, watching=True))
    return db


@pytest.fixture(scope="module", params=["open", "token"])
def app(db: Path, request: pytest.FixtureRequest) -> Iterator[App]:
    token = {"PORTEYE_TOKEN": TOKEN} if request.param == "token" else {}
    with dashboard(db, db.parent, PORTEYE_MONITOR="off", **token) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser with windows, of which an export leaves none behind."""
    if WHOLE is None:
        pytest.skip("no Chromium with windows is installed")
    with chromium(program=WHOLE) as launched:
        yield launched


@pytest.fixture
def context(app: App, browser: Browser) -> Iterator[BrowserContext]:
    """Somebody who has given the token, if there is one."""
    opened = browser.new_context(viewport={"width": 1280, "height": 900})
    opened.set_default_timeout(PATIENCE)
    page = opened.new_page()
    page.goto(f"{app.url}/?token={TOKEN}")
    page.close()
    yield opened
    opened.close()


def show(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(address)
    expect(page.get_by_text("Showing the newest")).to_be_visible()
    expect_settled(page)
    return page


def press(page: Page, name: str) -> Download:
    with page.expect_download() as downloading:
        page.get_by_role("link", name=name).click()
    return downloading.value


def test_one_press_brings_every_event_of_a_long_history(app: App, context: BrowserContext) -> None:
    page = show(context, f"{app.url}/history?range=all")
    download = press(page, f"Download CSV ({EVENTS:,} events)")
    assert re.fullmatch(r"porteye-history-to-\d{4}-\d\d-\d\d\.csv", download.suggested_filename)
    with Path(download.path()).open(newline="") as file:
        numbers = [int(line["id"]) for line in csv.DictReader(file)]
    assert numbers == list(range(EVENTS, 0, -1))
    assert context.pages == [page]


def test_a_file_has_the_rows_of_the_filters_and_the_range_and_is_named_after_them(
    app: App, context: BrowserContext
) -> None:
    newest, *_ = json.loads(app.get("/api/history?limit=1", **BEARER)[1])
    day = newest["timestamp"][:10]
    said = (
        f"port=22,1000-9999&process=python&protocol=tcp&since={day}T00:00:00Z&until={day}T23:59:59Z"
    )
    _, body = app.get(f"/api/history?{said}&limit=10000", **BEARER)
    wanted = json.loads(body)
    assert 1 < len(wanted) < 10_000
    page = show(context, f"{app.url}/history?{said}")
    download = press(page, "JSON")
    assert json.loads(Path(download.path()).read_text()) == wanted
    assert download.suggested_filename == (
        f"porteye-history-port-22,1000-9999-python-tcp-{day}-0000Z-to-235959Z.json"
    )
    expect(page.get_by_role("link", name=f"Download CSV ({len(wanted):,} events)")).to_be_visible()
    save(page, "export")
