"""Rows that are selected and the drawer that they open, in a real Chromium."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from porteye_core.ui import now_table
from porteye_core.ui.table_columns import columns
from tests.kit.app import App
from tests.kit.browser import (
    PATIENCE,
    expect_settled,
    needs_chromium,
    row_of,
    show,
    table_box,
    wait_for_cells,
    wait_for_ports,
)
from tests.kit.opener import Opener

pytestmark = needs_chromium

_HEAD, _ROW = now_table._HEADER, now_table.ROW  # pixels
_MANY = 250  # listeners


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(
        viewport={"width": 1280, "height": 900},
        permissions=["clipboard-read", "clipboard-write"],
    ) as opened:
        opened.set_default_timeout(PATIENCE)
        yield opened


def drawer(page: Page) -> Locator:
    return page.get_by_role("dialog")


def listener_of(app: App, port: int) -> str:
    """The number of the listener that is open on a port."""
    newest = app.json(f"/api/history?port={port}&limit=1")[0]
    assert newest["status"] == "opened"
    return str(newest["listener"])


def said(page: Page) -> dict[str, list[str]]:
    """The parameters of the address."""
    return parse_qs(urlsplit(page.url).query)


def middle_of(page: Page, label: str) -> float:
    """Where the column with this label is, from the left of the table."""
    heads = page.locator("[data-testid=stDataFrame] canvas th").all_text_contents()
    labels = [head.removeprefix("↑ ").removeprefix("↓ ") for head in heads]
    names = {each["label"]: name for name, each in columns(now_table._WIDTHS).items()}
    widths = now_table.widths([names[each] for each in labels])
    before = labels[: labels.index(label)]
    return sum(widths[names[each]] for each in before) + widths[names[label]] / 2


def click_row(page: Page, port: int, label: str = "Address") -> None:
    """Click a cell of a port's row."""
    wait_for_cells(page, str(port))
    box = table_box(page)
    height = _HEAD + _ROW * row_of(page, port) + _ROW / 2
    page.mouse.click(box["x"] + middle_of(page, label), box["y"] + height)


def sort_down(page: Page, label: str) -> None:
    """Sort by a column, the highest first."""
    box = table_box(page)
    for _ in range(2):
        page.mouse.click(box["x"] + middle_of(page, label) - 8, box["y"] + _HEAD / 2)


def framed(page: Page) -> list[str]:
    """The texts of the row that has the frame."""
    texts: list[str] = page.evaluate(
        """() => {
            const rows = "[data-testid=stDataFrame] canvas tbody tr";
            const row = [...document.querySelectorAll(rows)]
                .find(row => row.querySelector("td[aria-selected=true]"));
            return row ? [...row.cells].map(cell => cell.textContent) : [];
        }"""
    )
    return texts


def wait_for_rows(page: Page, count: int) -> None:
    page.wait_for_function(
        """count => Number(document.querySelector("[data-testid=stDataFrame] canvas table")
            ?.getAttribute("aria-rowcount")) === count + 1""",
        arg=count,
    )
    expect_settled(page)


def show_ports(page: Page, app: App, *ports: int) -> None:
    show(page, f"{app.url}/?port={','.join(map(str, ports))}")
    wait_for_ports(page, *sorted(ports))
    expect_settled(page)


def expect_drawer(page: Page, app: App, port: int) -> None:
    """Until the drawer of the listener that is open on a port is there."""
    expect(drawer(page)).to_contain_text(f"on port {port}")
    page.wait_for_url(f"**listener={listener_of(app, port)}*")


@contextmanager
def pointer_held(page: Page) -> Iterator[None]:
    """Until the table, after what is done here, has been told that the pointer is over it."""
    page.evaluate(
        """() => {
            window.held = false;
            addEventListener("pointermove", event => window.held ||= !event.isTrusted);
        }"""
    )
    yield
    page.wait_for_function("() => window.held")
    expect_settled(page)


def close(page: Page) -> None:
    page.keyboard.press("Escape")
    expect(drawer(page)).to_have_count(0)
    page.wait_for_url(re.compile("^((?!listener=).)*$"))


def test_a_selected_row_stays_itself_while_hundreds_come_and_go_in_a_sorted_table(
    app: App, page: Page
) -> None:
    word = "drifting-rows"
    with Opener(word) as kept:
        ports = sorted(kept.listen() for _ in range(5))
        chosen = ports[1]
        show(page, f"{app.url}/?process={word}")
        wait_for_ports(page, *ports)
        sort_down(page, "Port")
        wait_for_ports(page, *reversed(ports))
        click_row(page, chosen)
        expect_drawer(page, app, chosen)
        number = listener_of(app, chosen)
        addresses: list[str] = []
        page.on("framenavigated", lambda frame: addresses.append(frame.url))
        for is_open in (True, False):
            with Opener(word) as passing:
                for _ in range(_MANY):
                    passing.listen()
                wait_for_rows(page, len(ports) + _MANY)
                assert str(chosen) in framed(page) or not is_open
                if is_open:
                    close(page)
            # Those that closed stay in the table for ten seconds.
            wait_for_rows(page, len(ports))
            assert str(chosen) in framed(page)
        opened = {
            name
            for each in addresses
            for name in parse_qs(urlsplit(each).query).get("listener", [])
        }
        assert opened <= {number}
        expect(drawer(page)).to_have_count(0)
        wait_for_ports(page, *reversed(ports))
        click_row(page, ports[3])
        expect_drawer(page, app, ports[3])


def test_any_cell_opens_the_drawer_and_escape_or_its_button_closes_it(app: App, page: Page) -> None:
    with Opener() as opener:
        first, second = sorted(opener.listen() for _ in range(2))
        show_ports(page, app, first, second)
        for label in ("Port", "User", "User"):  # the same cell again
            click_row(page, second, label)
            expect_drawer(page, app, second)
            expect(drawer(page)).to_contain_text(f"pid {opener.pid}")
            close(page)
        click_row(page, first)
        expect_drawer(page, app, first)
        drawer(page).get_by_role("button", name="Close").click()
        expect(drawer(page)).to_have_count(0)
        page.wait_for_url(re.compile("^((?!listener=).)*$"))
        assert said(page) == {"port": [f"{first},{second}"]}


def test_the_keyboard_walks_from_row_to_row_and_passes_the_table_by(app: App, page: Page) -> None:
    with Opener() as opener:
        ports = sorted(opener.listen() for _ in range(3))
        show_ports(page, app, *ports)
        canvas = page.get_by_test_id("data-grid-canvas")
        canvas.focus()
        page.keyboard.press("Tab")
        expect_settled(page)
        expect(drawer(page)).to_have_count(0)
        canvas.focus()
        for port in ports[1:]:
            page.keyboard.press("ArrowDown")
            expect_drawer(page, app, port)
            close(page)
        # A table that is first drawn behind a drawer has its frame, too.
        page.goto(f"{page.url}&listener={listener_of(app, ports[0])}")
        expect_drawer(page, app, ports[0])
        wait_for_ports(page, *ports)
        close(page)
        assert str(ports[0]) in framed(page)
        canvas.focus()
        expect_settled(page)
        expect(drawer(page)).to_have_count(0)


def test_keys_and_a_fast_click_are_heard_wherever_the_pointer_was(app: App, page: Page) -> None:
    with Opener() as opener:
        ports = sorted(opener.listen() for _ in range(3))
        show_ports(page, app, *ports)
        box = table_box(page)
        click_row(page, ports[0])
        expect_drawer(page, app, ports[0])
        with pointer_held(page):
            drawer(page).get_by_role("button", name="Close").click()
            expect(drawer(page)).to_have_count(0)
        click_row(page, ports[2])  # a press in the same moment as the way back into the table
        expect_drawer(page, app, ports[2])
        close(page)
        page.mouse.move(box["x"] + 20, box["y"] + _HEAD + 5)
        with pointer_held(page):
            page.mouse.move(box["x"] + 20, box["y"] - 40)
        page.keyboard.press("ArrowUp")
        expect_drawer(page, app, ports[1])


def test_a_cell_that_a_drawer_gives_the_focus_back_to_is_not_selected(app: App, page: Page) -> None:
    with Opener() as opener:
        ports = sorted(opener.listen() for _ in range(3))
        show_ports(page, app, *ports)
        click_row(page, ports[1])
        expect_drawer(page, app, ports[1])
        close(page)
        # The cell of the row that had the frame before, as the table's copy may not yet tell.
        page.get_by_test_id("glide-cell-0-0").evaluate(
            """cell => {
                const dialog = document.createElement("div");
                dialog.role = "dialog";
                dialog.tabIndex = -1;
                document.body.append(dialog);
                dialog.focus();
                dialog.remove();
                cell.focus();
            }"""
        )
        page.keyboard.press("ArrowDown")
        expect_drawer(page, app, ports[2])


def test_the_address_opens_the_drawer_again_on_any_view(app: App, page: Page) -> None:
    with Opener() as opener:
        port = opener.listen()
        show_ports(page, app, port)
        click_row(page, port)
        expect_drawer(page, app, port)
        page.reload()
        expect_drawer(page, app, port)
        page.go_back()
        expect(drawer(page)).to_have_count(0)
        page.go_forward()
        expect_drawer(page, app, port)
        for view in ("timeline", "history", "monitor"):
            page.goto(f"{app.url}/{view}?listener={listener_of(app, port)}")
            expect_drawer(page, app, port)
        page.goto(f"{app.url}/?listener=999999999")
        expect(page.get_by_test_id("stToast")).to_contain_text("No listener 999999999 is recorded")
        page.wait_for_url(re.compile("^((?!listener=).)*$"))


def test_a_listener_that_closes_in_its_drawer_is_said_to_and_its_heir_is_a_click_away(
    app: App, page: Page
) -> None:
    with Opener() as opener:
        port = opener.bind()
        opener.listen(port=port)
        show_ports(page, app, port)
        click_row(page, port)
        expect_drawer(page, app, port)
        expect(drawer(page)).to_contain_text(f"kill {opener.pid}")
        opener.close(port)
        expect(drawer(page).get_by_test_id("stAlert")).to_contain_text("Closed today")
        expect(drawer(page)).not_to_contain_text(f"kill {opener.pid}")
        with Opener() as heir:
            heir.listen(port=port)
            drawer(page).get_by_role("button", name=f"Port {port} is open again").click()
            expect(drawer(page)).to_contain_text(f"kill {heir.pid}")
            expect_drawer(page, app, port)


def test_the_command_and_the_link_are_copied(app: App, page: Page) -> None:
    with Opener() as opener:
        port = opener.listen()
        show_ports(page, app, port)
        click_row(page, port)
        expect_drawer(page, app, port)
        copied = []
        for text in (f"kill {opener.pid}", f"listener={listener_of(app, port)}"):
            block = drawer(page).get_by_test_id("stCode").filter(has_text=text)
            expect(block).to_have_count(1)  # while it is drawn again there may be two
            block.hover()
            block.get_by_role("button").click()
            page.wait_for_function(
                "async text => (await navigator.clipboard.readText()).includes(text)", arg=text
            )
            copied.append(page.evaluate("navigator.clipboard.readText()"))
        assert copied[0] == f"kill {opener.pid}"
        page.goto(copied[1])
        expect_drawer(page, app, port)
        assert said(page)["port"] == [str(port)]


def test_the_drawer_leads_on_to_the_program_the_story_and_the_server(app: App, page: Page) -> None:
    with Opener("leading-on") as opener:
        first, second = sorted(opener.listen() for _ in range(2))
        show_ports(page, app, first)
        click_row(page, first)
        expect_drawer(page, app, first)
        server = drawer(page).get_by_role("link", name=re.compile("^Open http"))
        assert server.get_attribute("href") == f"http://localhost:{first}"
        expect(drawer(page)).to_contain_text(f"127.0.0.1:{second}/tcp")
        drawer(page).get_by_role("button", name="Only this program").click()
        expect(drawer(page)).to_have_count(0)
        expect(page.get_by_label("Process", exact=True)).not_to_have_value("")
        page.wait_for_url("**process=*")
        wait_for_ports(page, first)
        page.goto(f"{page.url}&listener={listener_of(app, first)}")
        expect_drawer(page, app, first)
        drawer(page).get_by_role("link", name="Full story").click()
        page.wait_for_url("**/listener?*listener=*")
        expect(drawer(page)).to_have_count(0)
        expect(page.get_by_role("heading", name=f"Port {first}")).to_be_visible()
        expect(page).to_have_title(f"{first} opener_process.py (python) - PortEye")
