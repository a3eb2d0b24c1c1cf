"""The frame of the page in a Chromium: loading, tabs, menu, sidebar, phone and accessibility."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from benchmarks.seed import seed
from benchmarks.seeding.scale import Scale
from porteye_core import __version__
from porteye_core.store.alerts import beside
from porteye_core.store.file import lock
from tests.kit.alerts import fill
from tests.kit.app import App, dashboard
from tests.kit.browser import (
    PATIENCE,
    expect_settled,
    expect_watching,
    needs_chromium,
    wait_for_cells,
)
from tests.kit.themes import SCHEMES, Scheme
from tests.kit.waiting import until

pytestmark = needs_chromium

# Its licence, MPL-2.0, is beside it.
AXE = Path(__file__).parents[1] / "kit" / "axe" / "axe.min.js"
VIOLATIONS = """async () => (await axe.run(document)).violations.map(
    each => `${each.id}: ${each.nodes.map(node => node.html).join(' ')}`)"""
SHIFTS = """
window.shifts = 0;
new PerformanceObserver(list => {
    for (const entry of list.getEntries())
        if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""
LIMIT = 0.1  # web.dev: a good page shifts by no more
VIEWS = ("", "timeline", "history", "alerts", "monitor", "listener?listener=1", "listener")
_TOUCH = 43.99  # 44 px, but for the fractions of a browser's arithmetic
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "user_agent": "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile"
    " Safari/537.36",
    "has_touch": True,
    "is_mobile": True,
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A dashboard over a week, whose last watch goes on, with expected ports and alerts."""
    folder = tmp_path_factory.mktemp("frame")
    db = folder / "porteye.db"
    seed(db, Scale(days=7, listeners=60, events=6_000, seed=1, sample_days=1, watching=True))
    fill(beside(db), time.time_ns() // 1000)
    db.with_name("expected.toml").write_text("[[expected]]\nport = 22\nlabel = 'SSH'\n")
    with dashboard(db, folder, PORTEYE_MONITOR="off") as running:
        yield running


def visitor(browser: Browser, **options: Any) -> BrowserContext:
    found = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    found.set_default_timeout(PATIENCE)
    return found


def drawn(page: Page, url: str) -> None:
    """Open a page, and wait until its table or chart is there and nothing is being drawn."""
    page.goto(url)
    shown = "[data-testid=stDataFrame] canvas td, .js-plotly-plot .main-svg, [role=combobox]"
    page.wait_for_selector(shown, state="attached", timeout=PATIENCE)
    expect_settled(page)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("view", VIEWS)
def test_no_view_has_a_fault_that_axe_finds(
    app: App, browser: Browser, view: str, scheme: Scheme
) -> None:
    with visitor(browser, color_scheme=scheme) as context:
        context.add_init_script(path=AXE)
        page = context.new_page()
        drawn(page, f"{app.url}/{view}")
        assert page.evaluate(VIOLATIONS) == []


@pytest.mark.parametrize("width", [390, 1280, 1920])
@pytest.mark.parametrize("view", ["", "monitor"])
def test_nothing_jumps_while_the_page_loads(
    app: App, browser: Browser, width: int, view: str
) -> None:
    options = PHONE if width == 390 else {"viewport": {"width": width, "height": 900}}
    with visitor(browser, **options) as context:
        context.add_init_script(SHIFTS)
        page = context.new_page()
        drawn(page, f"{app.url}/{view}")
        assert page.evaluate("window.shifts") <= LIMIT


def test_each_tab_is_named_after_what_it_shows(app: App, page: Page) -> None:
    page.goto(app.url)
    for name, title in (
        ("Timeline", "Timeline"),
        ("History", "History"),
        ("Alerts", "1 open"),
        ("Monitor", "Monitor"),
    ):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page).to_have_title(f"{title} - PortEye")
    page.get_by_role("link", name="Now", exact=True).click()
    expect(page).to_have_title(re.compile(r"^\d+ listeners - PortEye$"))
    page.goto(f"{app.url}/listener?listener=1")
    expect(page).to_have_title(re.compile(r"^\d+ \S.* - PortEye$"))


def test_the_first_rows_are_read_before_the_library_of_tables_is_there(
    app: App, browser: Browser
) -> None:
    with visitor(browser) as context:
        page = context.new_page()
        held: list[Route] = []

        def hold(route: Route) -> None:
            held.append(route)

        page.route("**/DataFrame.*.js", hold)
        page.goto(app.url)
        rows = page.locator(".first-rows tbody tr")
        expect(rows.first).to_be_visible()
        assert rows.count() == 25
        first = rows.first.inner_text().split("\t")
        assert held
        for each in held:
            each.continue_()
        wait_for_cells(page, first[0])
        expect(rows.first).to_be_hidden()


def test_the_menu_tells_the_version_and_where_help_is(app: App, page: Page) -> None:
    page.goto(app.url)
    page.get_by_role("button", name="Main menu").click()
    menu = page.get_by_test_id("stMainMenuPopover")
    expect(menu.get_by_text("About")).to_be_visible()
    for absent in ("Made with Streamlit", "Record screen"):
        expect(menu.get_by_text(absent)).to_be_hidden()
    menu.get_by_text("About").click()
    about = page.get_by_role("dialog")
    expect(about).to_contain_text(f"PortEye {__version__}")
    expect(about).to_contain_text("README.md")
    with page.expect_popup() as opened:
        about.get_by_role("link", name="description of the API").click()
    expect(opened.value).to_have_url(f"{app.url}/api/docs")


def test_a_sidebar_that_was_folded_is_folded_at_the_next_visit(app: App, browser: Browser) -> None:
    with visitor(browser) as context:
        page = context.new_page()
        sidebar = page.get_by_test_id("stSidebar")
        page.goto(app.url)
        expect(sidebar).to_have_attribute("data-collapsed", "false")
        sidebar.hover()
        page.get_by_role("button", name="Collapse sidebar").click()
        expect(sidebar).to_have_attribute("data-collapsed", "true")
        page.close()
        page = context.new_page()
        page.goto(f"{app.url}/history")
        expect_settled(page)
        expect(page.get_by_test_id("stSidebar")).to_have_attribute("data-collapsed", "true")


def test_the_running_man_is_never_seen_and_a_lost_connection_is(app: App, page: Page) -> None:
    page.goto(app.url)
    expect_settled(page)
    for inside, shown in (("stStatusWidgetRunningIcon", False), ("stConnectionStatus", True)):
        page.evaluate(
            """name => {
                document.querySelector("#probe")?.remove();
                document.querySelector("[data-testid=stHeader]").insertAdjacentHTML("beforeend",
                    `<div id=probe data-testid=stStatusWidget><i data-testid=${name}>x</i></div>`);
            }""",
            inside,
        )
        expect(page.locator("#probe")).to_be_visible(visible=shown)


def test_a_phone_has_one_line_of_links_and_buttons_for_fingers(app: App, browser: Browser) -> None:
    with visitor(browser, **PHONE) as context:
        page = context.new_page()
        drawn(page, app.url)
        links = [each.bounding_box() for each in page.locator(".st-key-views a").all()]
        assert len(links) >= 4
        assert len({round(each["y"]) for each in links if each}) == 1
        filters = page.get_by_role("button", name="Expand sidebar")
        label = filters.evaluate("each => getComputedStyle(each, '::after').content")
        assert label == '"Search and filters"'
        for button in (filters, page.get_by_role("button", name="Main menu")):
            box = button.bounding_box()
            assert box
            assert min(box["width"], box["height"]) >= _TOUCH
            assert box["x"] + box["width"] <= 390
        filters.click()
        expect(page.get_by_label("Port", exact=True)).to_be_visible()
        box = page.get_by_role("button", name="Collapse sidebar").bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= _TOUCH
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_a_phone_has_choices_for_fingers(app: App, browser: Browser) -> None:
    with visitor(browser, **PHONE) as context:
        page = context.new_page()
        drawn(page, f"{app.url}/timeline")
        expect(page.get_by_role("radio", name="Yesterday")).to_be_visible()
        boxes = [each.bounding_box() for each in page.get_by_role("radio").all()]
        assert min(min(box["width"], box["height"]) for box in boxes if box) >= _TOUCH


def test_a_button_starts_the_monitor_where_the_dashboard_may(
    tmp_path: Path, browser: Browser
) -> None:
    db = tmp_path / "porteye.db"
    with dashboard(db, tmp_path) as app, visitor(browser) as context:
        page = context.new_page()
        page.goto(app.url)
        expect_watching(page)
        killed: set[int] = set()

        def is_waited_for() -> bool:
            """Kill each monitor, until the dashboard rests for long before the next."""
            holder = lock.holder(db)
            if holder and holder.pid and holder.pid not in killed:
                os.kill(holder.pid, signal.SIGKILL)
                killed.add(holder.pid)
            return len(killed) > 3 and holder is None

        until(is_waited_for, "the dashboard rests")
        rest = time.monotonic()
        banner = page.locator(".st-key-banner")
        expect(banner).to_contain_text("The monitor ended abruptly")
        alert = banner.get_by_test_id("stAlert").bounding_box()
        assert alert
        assert alert["height"] < 100
        banner.get_by_role("button", name="Start it").click()
        until(lambda: lock.holder(db), "a monitor runs")
        assert time.monotonic() >= rest
        expect(banner.get_by_test_id("stAlert")).to_have_count(0)
