"""Now in a browser: its filters, services, groups, pause, changes and rows."""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.kit.app import App
from tests.kit.browser import (
    PATIENCE,
    expect_settled,
    middle_of,
    needs_chromium,
    pick_row,
    row_of,
    save,
    show,
    wait_for_cells,
    wait_for_ports,
)
from tests.kit.opener import Opener
from tests.kit.waiting import until

pytestmark = needs_chromium
_PHONE = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36"


@pytest.fixture
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    """Somebody with cookies of their own."""
    opened = browser.new_context(viewport={"width": 1280, "height": 900})
    opened.set_default_timeout(PATIENCE)
    yield opened
    opened.close()


@pytest.fixture
def page(visitor: BrowserContext) -> Page:
    return visitor.new_page()


def pill(page: Page, name: str) -> Locator:
    return page.get_by_role("radio", name=re.compile(f"^{name}"))


def said(page: Page) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(page.url).query).items()}


def switch_rows(page: Page) -> None:
    """From one row for each service to one for each socket, or back."""
    options = page.get_by_test_id("stPopoverBody")
    page.get_by_role("button", name="View").click()
    options.get_by_text("One row per service").click()
    page.keyboard.press("Escape")
    expect(options).to_have_count(0)


def drawer(page: Page) -> Locator:
    return page.get_by_role("dialog")


def test_a_filter_counts_its_rows_shows_them_and_stands_in_the_address(
    app: App, page: Page
) -> None:
    with Opener() as opener, socket.socket() as anywhere:
        anywhere.bind(("0.0.0.0", 0))
        anywhere.listen()
        reachable, local = anywhere.getsockname()[1], opener.listen()
        both = sorted((reachable, local))
        show(page, f"{app.url}/?port={reachable},{local}")
        wait_for_ports(page, *both)
        for name in ("All 2", "Reachable 1", "Local 1", "Opened today 2", "Clients waiting 0"):
            expect(pill(page, name)).to_be_visible()
        pill(page, "Reachable").click()
        wait_for_ports(page, reachable)
        page.wait_for_url("**show=reachable*")
        page.reload()
        wait_for_ports(page, reachable)
        pill(page, "Local").click()
        wait_for_ports(page, local)
        page.go_back()
        wait_for_ports(page, reachable)
        pill(page, "All").click()
        wait_for_ports(page, *both)
        expect(page).not_to_have_url(re.compile("show="))
        save(page, "now-filters")


def test_clients_that_wait_are_counted_and_the_queue_is_marked(app: App, page: Page) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        for _ in range(2):  # Linux lets one more in than the backlog says
            client = stack.enter_context(socket.socket())
            client.connect(server.getsockname())
        port = server.getsockname()[1]
        show(page, f"{app.url}/?port={port}&show=waiting")
        wait_for_cells(page, str(port), "2 wait, room for 1", "full")
        expect(pill(page, "Clients waiting 1")).to_be_visible()


def test_a_service_is_one_row_that_a_toggle_opens_into_its_sockets(app: App, page: Page) -> None:
    with Opener() as opener:
        port = opener.listen("ipv4", "tcp", 0, "reuse")
        opener.listen("ipv6", "tcp", port)
        opener.listen("ipv4", "udp", port)
        show(page, f"{app.url}/?port={port}")
        wait_for_cells(page, "tcp/udp", "127.0.0.1, ::1")
        wait_for_ports(page, port)
        switch_rows(page)
        wait_for_ports(page, port, port, port)
        assert said(page)["rows"] == "sockets"
        page.reload()
        wait_for_ports(page, port, port, port)


def test_a_paused_view_does_not_change_and_says_so(app: App, page: Page) -> None:
    with Opener() as opener:
        first, second = sorted(opener.bind() for _ in range(2))
        opener.listen(port=first)
        show(page, f"{app.url}/?port={first},{second}")
        wait_for_ports(page, first)
        page.get_by_role("button", name="Pause").click()
        expect(page.get_by_text("Paused: this is what listened at")).to_be_visible()
        opener.listen(port=second)
        until(lambda: app.json(f"/api/ports?port={second}"), "the second port is stored")
        switch_rows(page)  # whatever a reader does meanwhile
        switch_rows(page)
        pill(page, "Local").click()
        expect_settled(page)
        wait_for_ports(page, first)
        page.get_by_role("button", name="Paused").click()
        wait_for_ports(page, first, second)
        expect(page.get_by_text("Paused: this is what listened at")).to_have_count(0)


def test_rows_are_grouped_and_a_click_opens_a_group(app: App, page: Page) -> None:
    with Opener() as opener:
        ports = sorted(opener.listen() for _ in range(3))
        show(page, f"{app.url}/?port={','.join(map(str, ports))}")
        wait_for_ports(page, *ports)
        page.get_by_role("button", name="View").click()
        page.get_by_role("radio", name="Program").click()
        wait_for_cells(page, ", ".join(map(str, ports)), "3")
        page.keyboard.press("Escape")
        expect(page.get_by_role("radio", name="Program")).to_have_count(0)
        expect_settled(page)
        x, y = middle_of(page, 0)
        page.mouse.click(x + 220, y)
        wait_for_ports(page, *ports)
        page.get_by_role("button", name="All groups by program").click()
        wait_for_cells(page, ", ".join(map(str, ports)), "3")


def test_options_that_are_opened_late_are_as_the_view_shows_its_rows(app: App, page: Page) -> None:
    with Opener() as opener:
        first, second = sorted(opener.bind() for _ in range(2))
        opener.listen(port=first)
        show(page, f"{app.url}/?port={first},{second}&group=program")
        wait_for_cells(page, str(first))
        opener.listen(port=second)
        wait_for_cells(page, f"{first}, {second}")  # drawn anew
        page.get_by_role("button", name="View").click()
        expect(page.get_by_role("radio", name="Program")).to_be_checked()
        expect(page.get_by_role("switch", name="One row per service")).to_be_checked()
        expect_settled(page)
        wait_for_cells(page, f"{first}, {second}")
        assert said(page)["group"] == "program"
        assert "rows" not in said(page)


def test_a_link_opens_a_service_in_the_browser_and_no_drawer(app: App, page: Page) -> None:
    with Opener() as opener:
        own, other = int(app.url.rsplit(":", 1)[1]), opener.listen("ipv4", "udp")
        show(page, f"{app.url}/?port={own},{other}")
        wait_for_cells(page, str(own), app.url.replace("127.0.0.1", "localhost"))
        wait_for_ports(page, *sorted((own, other)))
        expect_settled(page)
        for port in (own, other):
            x, y = middle_of(page, row_of(page, port))
            if port == own:
                page.mouse.move(x + 43, y)
                # The table takes a click for one on a link once it has noticed the hand there.
                page.wait_for_function(
                    """() => {
                        const canvas = document.querySelector("[data-testid=stDataFrame] canvas");
                        return getComputedStyle(canvas).cursor === "pointer";
                    }"""
                )
                with page.expect_popup() as opening:
                    page.mouse.click(x + 43, y)
                expect(opening.value).to_have_url(re.compile(f"^http://localhost:{own}/"))
                expect(opening.value).to_have_title(re.compile("PortEye"))
                opening.value.close()
            else:
                page.mouse.click(x + 43, y)
        expect_settled(page)
        expect(drawer(page)).to_have_count(0)
        page.mouse.click(*middle_of(page, row_of(page, own)))
        expect(drawer(page)).to_be_visible()


def test_a_free_port_is_one_that_nobody_holds(app: App, page: Page) -> None:
    show(page, app.url)
    page.get_by_role("button", name="View").click()
    found = page.get_by_test_id("stPopoverBody").get_by_test_id("stCode")
    expect(found).to_have_text(re.compile(r"^\d+$"))
    first = found.inner_text()
    page.get_by_role("button", name="Another").click()
    expect(found).not_to_have_text(first)
    with socket.socket() as own:
        own.bind(("127.0.0.1", int(found.inner_text())))


def test_what_changed_since_the_last_visit_is_told_to_that_browser_alone(
    app: App, browser: Browser, visitor: BrowserContext
) -> None:
    with Opener() as opener:
        staying, coming = sorted(opener.bind() for _ in range(2))
        opener.listen(port=staying)
        url = f"{app.url}/?port={staying},{coming}"
        first = visitor.new_page()
        show(first, url)
        wait_for_ports(first, staying)
        expect(first.get_by_text("you last looked")).to_have_count(0)
        (visit,) = until(
            lambda: [each for each in visitor.cookies() if each["name"].startswith("porteye_seen")],
            "the visit is remembered",
        )
        assert visit["value"].isdecimal()
        assert visit["name"] == f"porteye_seen_{urlsplit(app.url).port}"
        first.close()
        opener.listen(port=coming)
        until(lambda: app.json(f"/api/ports?port={coming}"), "the second port is stored")
        again = visitor.new_page()
        show(again, url)
        entry = again.get_by_role("button", name=f"{coming} opener_process")
        expect(entry).to_be_visible()
        save(again, "now-since-last-visit")
        entry.click()
        expect(drawer(again)).to_contain_text(f"on port {coming}")
        again.keyboard.press("Escape")
        expect(drawer(again)).to_have_count(0)
        again.get_by_role("button", name="Seen").click()
        expect(again.get_by_text("Nothing has changed since you last looked")).to_be_visible()
        other = browser.new_page()
        show(other, url)
        wait_for_ports(other, staying, coming)
        expect(other.get_by_text("you last looked")).to_have_count(0)
        other.close()


@pytest.mark.parametrize("value", ["garbage", "-5", "99999999999999999999", "%F0%9F%92%A9"])
def test_a_cookie_of_somebody_else_is_no_visit(
    app: App, visitor: BrowserContext, page: Page, value: str
) -> None:
    name = f"porteye_seen_{urlsplit(app.url).port}"
    visitor.add_cookies([{"name": name, "value": value, "url": app.url}])
    show(page, app.url)
    expect(pill(page, "All")).to_be_visible()
    expect(page.get_by_text("you last looked")).to_have_count(0)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_a_row_stays_itself_while_900_others_come(app: App, page: Page) -> None:
    with Opener("nine_hundred") as opener:  # as no process of another test is called
        ports = sorted(opener.bind() for _ in range(902))
        before, own = ports[100], ports[700]
        opener.listen(port=before)
        opener.listen(port=own)
        show(page, f"{app.url}/?port={ports[0]}-{ports[-1]}&process=nine_hundred")
        wait_for_ports(page, before, own)
        pick_row(page, own, among=(before, own))
        expect(drawer(page)).to_contain_text(f"on port {own}")
        listener = said(page)["listener"]
        for port in ports:
            if port not in (before, own):
                opener.listen(port=port)
        expect(pill(page, "All 902")).to_be_visible()
        expect_settled(page)
        assert said(page)["listener"] == listener
        expect(drawer(page)).to_contain_text(f"on port {own}")


def test_on_a_phone_the_columns_that_matter_fit(app: App, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, user_agent=_PHONE)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(app.url)
    expect(page.locator("[data-testid=stDataFrame] canvas td").first).to_be_attached()
    heads = page.locator("[data-testid=stDataFrame] canvas th")
    assert heads.all_inner_texts()[:3] == ["Port", "Program", "Reachable from"]
    expect(pill(page, "Reachable")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused: this is what listened at")).to_be_visible()
    save(page, "now-phone")
    context.close()
