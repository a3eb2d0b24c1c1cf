"""The table of what listens, in the hands of a reader, while it is refreshed."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.kit.app import App
from tests.kit.browser import (
    PATIENCE,
    expect_settled,
    needs_chromium,
    pick_row,
    show,
    table_box,
    wait_for_cells,
    wait_for_ports,
)
from tests.kit.opener import Opener

pytestmark = needs_chromium

_SHIFTS = """
window.shifts = [];
new PerformanceObserver(list => {
    for (const shift of list.getEntries())
        if (!shift.hadRecentInput)
            window.shifts.push([shift.value, ...shift.sources.map(each => each.node?.className)]);
}).observe({type: "layout-shift", buffered: true});
"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 700})
    opened.set_default_timeout(PATIENCE)
    yield opened
    opened.close()


def show_ports(page: Page, app: App, *ports: int) -> None:
    show(page, f"{app.url}/?port={','.join(map(str, ports))}")
    wait_for_ports(page, *sorted(ports))
    expect_settled(page)


def toolbar(page: Page, name: str) -> Locator:
    """A button of the table's toolbar, which is there while the pointer is on the table."""
    page.mouse.move(table_box(page)["x"] + 200, table_box(page)["y"] + 60)
    return page.get_by_role("button", name=f"{name}: What listens now")


def sort_by_port(page: Page) -> None:
    """By the menu of the heading, the highest first; it is the first column."""
    end = table_box(page)["x"] + 54
    page.mouse.move(end - 25, table_box(page)["y"] + 19)
    page.mouse.click(end - 15, table_box(page)["y"] + 19)
    page.get_by_text("Sort descending").click()


def test_nothing_moves_while_rows_come_and_go(app: App, page: Page) -> None:
    page.add_init_script(_SHIFTS)
    with Opener() as opener:
        first, second = sorted(opener.bind() for _ in range(2))
        opener.listen(port=first)
        show(page, f"{app.url}/?port={first},{second}")
        wait_for_ports(page, first)
        expect_settled(page)
        page.evaluate("window.shifts.length = 0")
        opener.listen(port=second)
        wait_for_ports(page, first, second)
        opener.close(second)
        wait_for_cells(page, "closed")
        wait_for_ports(page, first)
        assert page.evaluate("window.shifts") == []


def test_the_reader_s_place_is_kept_when_the_page_refreshes(app: App, page: Page) -> None:
    with Opener() as opener:
        last = opener.bind()
        many = [last, *(opener.listen() for _ in range(39))]
        show(page, f"{app.url}/?port={','.join(map(str, many))}")
        expect(page.get_by_role("radio", name="All 39", exact=True)).to_be_visible()
        expect_settled(page)
        page.get_by_role("radio").first.hover()  # above the table, which scrolls by itself
        page.mouse.wheel(0, 300)
        place = "document.querySelector('[data-testid=stMain]').scrollTop"
        page.wait_for_function(f"() => {place} > 100")
        scrolled = page.evaluate(place)
        opener.listen(port=last)
        expect(page.get_by_role("radio", name="All 40", exact=True)).to_be_visible()
        assert page.evaluate(place) == scrolled


def test_a_sorted_table_stays_sorted_and_a_row_of_it_is_the_one_that_is_picked(
    app: App, page: Page
) -> None:
    with Opener() as opener:
        first, second, third = sorted(opener.listen() for _ in range(3))
        show_ports(page, app, first, second, third)
        sort_by_port(page)
        wait_for_ports(page, third, second, first)
        opener.close(second)
        wait_for_cells(page, "closed")
        pick_row(page, third, among=(third, first))
        expect(page.get_by_role("dialog")).to_contain_text(f"on port {third}")


def test_a_word_is_searched_for_in_the_table(app: App, page: Page) -> None:
    with Opener() as opener:
        first, second = (opener.listen() for _ in range(2))
        show_ports(page, app, first, second)
        toolbar(page, "Search").click()
        page.keyboard.type(str(first))
        # Its port, and the URL that opens it.
        expect(page.get_by_text(re.compile(r"^[12] results?$"))).to_be_visible()


def test_a_column_that_was_hidden_stays_hidden_when_the_page_refreshes(
    app: App, page: Page
) -> None:
    with Opener() as opener:
        first, second = sorted(opener.bind() for _ in range(2))
        opener.listen(port=first)
        show(page, f"{app.url}/?port={first},{second}")
        wait_for_ports(page, first)
        expect_settled(page)
        heading = page.locator("[data-testid=stDataFrame] canvas th", has_text="User")
        expect(heading).to_have_count(1)
        toolbar(page, "Show/hide columns").click()
        page.get_by_test_id("stDataFrameColumnVisibilityMenu").get_by_text("User").click()
        expect(heading).to_have_count(0)
        opener.listen(port=second)
        wait_for_ports(page, first, second)
        expect(heading).to_have_count(0)
