"""Every control of the page is pressed, and does what it says."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from porteye_core.store.writing.startup import open_writer
from tests.kit.app import App, dashboard
from tests.kit.browser import (
    PATIENCE,
    expect_settled,
    needs_chromium,
    table_box,
)
from tests.kit.seeding import MINUTE, seed
from tests.kit.themes import THEMES, Scheme, rgb
from tests.kit.values import HOST

pytestmark = needs_chromium

END = time.time_ns() // 1000 // MINUTE * MINUTE - MINUTE  # of the seeded hour; a whole minute
STEPS = {"−1 d": -1440, "−1 h": -60, "−1 min": -1, "+1 min": 1, "+1 h": 60, "+1 d": 1440}
# The last is that of the system, which the other tests have.
THEMES_OF_MENU: dict[str, Scheme] = {"Dark": "dark", "Light": "light", "System": "light"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder = tmp_path_factory.mktemp("controls")
    with open_writer(folder / "porteye.db", HOST, END - 61 * MINUTE) as writer:
        seed(writer, END)
    with dashboard(folder / "porteye.db", folder, PORTEYE_MONITOR="off") as running:
        yield running


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One visitor for all tests, who loads the page's scripts once."""
    with browser.new_context(
        viewport={"width": 1280, "height": 1400},
        permissions=["clipboard-read", "clipboard-write"],
        timezone_id="UTC",
        reduced_motion="reduce",
    ) as opened:
        opened.set_default_timeout(PATIENCE)
        yield opened


def show(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("link", name="Monitor")).to_be_visible()
    expect_settled(page)


def show_table(page: Page, address: str) -> None:
    show(page, address)
    page.wait_for_selector("[data-testid=stDataFrame] canvas td", state="attached")


def main(page: Page) -> Locator:
    return page.get_by_test_id("stMain")


def enter(field: Locator, text: str) -> None:
    field.fill(text)
    field.press("Enter")


def choose(page: Page, field: str, option: str) -> None:
    page.get_by_role("combobox", name=field).click()
    page.get_by_role("option", name=option, exact=True).click()


def press_pill(page: Page, label: str) -> None:
    pills = main(page).get_by_role("radiogroup", name="Time range")
    pills.get_by_text(label, exact=True).click()


def expect_column(page: Page, name: str, *texts: str) -> None:
    """Until the table has these texts in this order below the heading."""
    page.wait_for_function(
        """([name, wanted]) => {
            const table = document.querySelector("[data-testid=stDataFrame] canvas table");
            if (!table) return false;
            const names = [...table.querySelectorAll("th")].map(cell => cell.textContent);
            const rows = [...table.querySelectorAll("tbody tr")];
            const texts = rows.map(row => row.cells[names.indexOf(name)]?.textContent);
            return JSON.stringify(texts) === JSON.stringify(wanted);
        }""",
        arg=[name, list(texts)],
    )


def expect_listeners(page: Page, count: int) -> None:
    """Until the headline counts so many. The copy of a table that grows, which `expect_column`
    reads, may lack the rows that there was no room for."""
    expect(page.get_by_role("radio", name=f"All {count}", exact=True)).to_be_visible()


def said(page: Page) -> dict[str, str]:
    """What the address says."""
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def wait_for_address(page: Page, **wanted: str) -> None:
    page.wait_for_url(lambda url: wanted.items() <= {
        name: values[0] for name, values in parse_qs(urlsplit(url).query).items()
    }.items())  # fmt: skip


def stamp(micros: int) -> str:
    return f"{datetime.fromtimestamp(micros // 1_000_000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def test_the_process_field_narrows_the_table(app: App, page: Page) -> None:
    show_table(page, app.url)
    enter(page.get_by_label("Process", exact=True), "postgres")
    expect_column(page, "Port", "5432")
    page.get_by_label("Process", exact=True).fill("")
    page.get_by_label("Port", exact=True).click()  # a field is left without Enter, too
    expect_listeners(page, 4)


def test_each_protocol_narrows_the_table(app: App, page: Page) -> None:
    show_table(page, app.url)
    for option, ports in (("TCP", ["80", "5432", "8765"]), ("UDP", ["53"])):
        choose(page, "Protocol", option)
        expect_column(page, "Port", *ports)
    choose(page, "Protocol", "TCP and UDP")
    expect_listeners(page, 4)


def test_each_time_range_bounds_the_history(app: App, page: Page) -> None:
    show_table(page, f"{app.url}/history")
    for option, count in (
        ("1 h", 3),
        ("24 h", 6),
        ("7 d", 6),
        ("1 h", 3),
        ("30 d", 6),
        ("All", 6),
    ):
        press_pill(page, option)
        expect(main(page).get_by_text(f"of {count} events.")).to_be_visible()
        link = main(page).get_by_role("link", name="Download CSV")
        expect(link).to_contain_text(f"({count} ev")


def test_both_ends_of_a_range_are_typed_and_picked(app: App, page: Page) -> None:
    # The first life of python3: half an hour before the end, for ten minutes.
    since, until = END - 31 * MINUTE, END - 25 * MINUTE
    show_table(page, f"{app.url}/history?since={stamp(since)}&until={stamp(until)}")
    expect_column(page, "Event", "opened")
    minute = page.get_by_role("spinbutton", name="minute, To")
    minute.focus()
    later = datetime.fromtimestamp(until / 1e6 + 600, UTC)
    page.keyboard.type(f"{later:%M}")
    if later.minute < 10:  # beyond the hour
        page.get_by_role("spinbutton", name="hour, To").focus()
        page.keyboard.type(f"{later:%H}")
    page.keyboard.press("Enter")
    wait_for_address(page, until=stamp(until + 10 * MINUTE))
    expect(main(page).get_by_text("Showing the newest 2 of 2 events.")).to_be_visible()
    page.get_by_role("spinbutton", name="year, From").focus()
    page.keyboard.type("2099")
    page.keyboard.press("Enter")
    later_than = page.get_by_test_id("stSidebar").get_by_text("“From” is later than “To”")
    expect(later_than).to_be_visible()
    main(page).get_by_role("button", name="Choose date and time").first.click()
    page.get_by_role("dialog").get_by_role("gridcell").get_by_text("15", exact=True).click()
    page.keyboard.press("Escape")
    page.wait_for_url(re.compile("since=2099-..-15T"))


def test_the_number_of_records_is_stepped_and_typed(app: App, page: Page) -> None:
    show_table(page, f"{app.url}/history?limit=3")
    field = page.get_by_test_id("stNumberInputField")
    page.get_by_role("button", name="Decrement").click()
    wait_for_address(page, limit="2")
    expect_column(page, "Port", "8765", "8765")
    page.get_by_role("button", name="Increment").click()
    wait_for_address(page, limit="3")
    enter(field, "1")
    expect_column(page, "Port", "8765")
    enter(field, "0")
    expect(page.get_by_test_id("stSidebar").get_by_text("not a number of records")).to_be_visible()


def test_the_history_is_paged_to_its_end_and_back(app: App, page: Page) -> None:
    show_table(page, f"{app.url}/history?limit=2")
    newest, older = (
        main(page).get_by_role("button", name=name, exact=True) for name in ("Newest", "Older")
    )
    expect(newest).to_be_disabled()
    expect_column(page, "Port", "8765", "8765")
    older.click()
    expect_column(page, "Port", "8765", "53")
    expect(main(page).get_by_text("Showing 2 of 6 events.")).to_be_visible()
    older.click()
    expect_column(page, "Port", "5432", "80")
    expect(older).to_be_disabled()
    page.go_back()
    expect_column(page, "Port", "8765", "53")
    newest.click()
    expect_column(page, "Port", "8765", "8765")
    expect(newest).to_be_disabled()
    assert "before" not in said(page)


def test_another_filter_leads_to_the_newest_page_and_back_to_the_one_before(
    app: App, page: Page
) -> None:
    show_table(page, f"{app.url}/history?limit=2&before=3")
    expect_column(page, "Port", "5432", "80")
    enter(page.get_by_label("Port", exact=True), "8765")
    expect_column(page, "Port", "8765", "8765")
    assert said(page) == {"limit": "2", "port": "8765"}
    page.go_back()
    expect_column(page, "Port", "5432", "80")
    assert said(page) == {"limit": "2", "before": "3"}


def test_a_link_to_an_export_keeps_the_focus_while_the_page_refreshes(app: App, page: Page) -> None:
    show_table(page, f"{app.url}/history")
    link = main(page).get_by_role("link", name="JSON")
    before = link.get_attribute("href")
    link.focus()
    expect(link).not_to_have_attribute("href", str(before))
    expect(link).to_be_focused()


def test_the_sidebar_is_closed_and_opened(app: App, page: Page) -> None:
    show(page, app.url)
    sidebar = page.get_by_test_id("stSidebar")
    sidebar.hover()
    page.get_by_role("button", name="Collapse sidebar").click()
    expect(sidebar).to_have_attribute("data-collapsed", "true")
    page.get_by_role("button", name="Expand sidebar").click()
    expect(sidebar).to_have_attribute("data-collapsed", "false")


def test_the_menu_changes_the_theme_and_offers_nothing_that_is_refused(
    app: App, page: Page
) -> None:
    page.emulate_media(color_scheme="light")
    show(page, app.url)
    menu = page.get_by_role("button", name="Main menu")
    menu.click()
    expect(page.get_by_role("menuitem", name="Print")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Record screen")).to_have_count(0)
    page.keyboard.press("Escape")
    for theme, scheme in THEMES_OF_MENU.items():
        item = page.get_by_role("menuitemradio", name=theme)
        expect(item).to_have_count(0)
        menu.click()
        item.click()
        background = rgb(THEMES[scheme]["backgroundColor"])
        expect(page.locator(".stApp")).to_have_css("background-color", background)
        page.keyboard.press("Escape")


def test_help_is_shown_beside_its_field(app: App, page: Page) -> None:
    show(page, app.url)
    for field, help_ in (
        ("Port", "separated by commas"),
        ("Number of records to display", "An export always has every record"),
    ):
        page.get_by_role("button", name=f"Help for {field}").hover()
        expect(page.get_by_role("tooltip").get_by_text(help_)).to_be_visible()


def test_the_lookup_is_closed_by_a_key_and_by_its_button(app: App, page: Page) -> None:
    show(page, f"{app.url}/history")  # Now has a field of its own
    dialog = page.get_by_role("dialog")
    for key, name in (("Escape", ""), ("", "Close")):
        page.keyboard.press("Control+k")
        expect(dialog).to_be_visible()
        if key:
            page.keyboard.press(key)
        else:
            dialog.get_by_role("button", name=name).click()
        expect(dialog).to_have_count(0)


def test_each_step_moves_the_cursor_of_the_timeline(app: App, page: Page) -> None:
    moment = END - 15 * MINUTE
    show(page, f"{app.url}/timeline?at={stamp(moment)}")
    for step, minutes in STEPS.items():
        moment += minutes * MINUTE
        main(page).get_by_role("button", name=step, exact=True).click()
        wait_for_address(page, at=stamp(moment))
    before = int(time.time())
    main(page).get_by_role("button", name="Now", exact=True).click()
    page.wait_for_url(re.compile(f"^((?!{re.escape(quote(stamp(moment)))}).)*$"))
    assert before <= datetime.fromisoformat(said(page)["at"]).timestamp() <= time.time()


def test_the_cursor_of_the_timeline_is_picked_in_its_calendar(app: App, page: Page) -> None:
    show(page, f"{app.url}/timeline?at=2026-01-20T03:04:05Z")
    main(page).get_by_role("button", name="Choose date and time").click()
    page.get_by_role("gridcell").get_by_text("15", exact=True).click()
    page.keyboard.press("Escape")
    wait_for_address(page, at="2026-01-15T03:04:00Z")


def test_a_row_of_the_past_opens_its_drawer(app: App, page: Page) -> None:
    show_table(page, f"{app.url}/timeline?at={stamp(END - 25 * MINUTE)}")
    expect_column(page, "Port", "53", "80", "5432", "8765")
    page.get_by_test_id("stDataFrame").scroll_into_view_if_needed()
    box = table_box(page)
    page.mouse.click(box["x"] + 140, box["y"] + 38 + 35 + 17)
    page.wait_for_url("**listener=1*")
    expect(page.get_by_role("dialog")).to_contain_text("nginx")


def test_two_moments_are_compared_and_no_longer(app: App, page: Page) -> None:
    show_table(page, f"{app.url}/timeline?at={stamp(END - 15 * MINUTE)}")
    main(page).get_by_role("button", name="Compare with now").click()
    page.wait_for_url("**versus=*")
    expect_column(page, "Change", "opened")
    enter(page.get_by_label("Compare with another time"), stamp(END - 25 * MINUTE))
    wait_for_address(page, versus=stamp(END - 25 * MINUTE))
    expect_column(page, "Change", "closed")
    main(page).get_by_role("button", name="What listened then").click()
    expect_column(page, "Port", "53", "80", "5432")
    assert "versus" not in said(page)


def drag(page: Page, chart: Locator) -> None:
    """Drag across the middle half of a chart's plot."""
    area = chart.locator(".nsewdrag").first
    area.scroll_into_view_if_needed()
    box: Any = area.bounding_box()
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.25 * box["width"], height)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], height, steps=8)
    page.mouse.up()


def test_a_range_picked_on_a_chart_of_the_monitor_stays_and_there_is_a_way_back(
    app: App, page: Page
) -> None:
    show(page, f"{app.url}/monitor?range=24h")
    chart = page.locator("[data-testid=stPlotlyChart]").last
    expect(chart.locator(".main-svg").first).to_be_visible()
    drag(page, chart)
    back = main(page).get_by_role("button", name="Zoom out")
    expect(back).to_be_visible()
    since, until = (datetime.fromisoformat(said(page)[name]) for name in ("since", "until"))
    begin, end = (END - 60 * MINUTE) / 1e6, time.time()
    assert since.timestamp() == pytest.approx(begin + 0.25 * (end - begin), abs=120)
    assert until.timestamp() == pytest.approx(begin + 0.75 * (end - begin), abs=120)
    back.click()
    expect(back).to_have_count(0)
    assert said(page) == {}


@pytest.mark.parametrize(
    ("view", "name"), [("", "What listens now"), ("history", "Events, the newest first")]
)
def test_a_table_fills_the_window_and_gives_it_back(
    app: App, page: Page, view: str, name: str
) -> None:
    show_table(page, f"{app.url}/{view}")
    narrow = table_box(page)["width"]
    page.get_by_test_id("stDataFrame").hover()
    page.get_by_role("button", name=f"Fullscreen: {name}").click()
    wider = "width => document.querySelector('[data-testid=stDataFrame]').clientWidth > width"
    page.wait_for_function(wider, arg=narrow + 100)
    page.get_by_role("button", name=f"Close fullscreen: {name}").click()
    page.wait_for_function(f"width => !({wider})(width)", arg=narrow + 100)


@pytest.mark.parametrize(
    ("view", "alt", "word"),
    [
        ("history", "Events, the newest first", "5432"),
        ("timeline?at={then}", "What listened at this moment", "nginx"),
    ],
)
def test_a_word_is_searched_for_in_every_table(
    app: App, page: Page, view: str, alt: str, word: str
) -> None:
    show_table(page, f"{app.url}/{view.format(then=stamp(END - 25 * MINUTE))}")
    page.get_by_test_id("stDataFrame").first.hover()
    page.get_by_role("button", name=f"Search: {alt}").click()
    page.keyboard.type(word)
    expect(page.get_by_text(re.compile(r"^[12] results?$"))).to_be_visible()
