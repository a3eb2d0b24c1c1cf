"""The page over many hosts, on a real PostgreSQL."""

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from porteye_core.ui.time_range import stamp
from tests.kit.app import App, dashboard
from tests.kit.browser import expect_settled, needs_chromium, save, wait_for_cells
from tests.kit.fleet import Fleet
from tests.kit.fleet_states import silence, wait_for_ever
from tests.kit.many_hosts import HOUR, NAMES, many_hosts
from tests.kit.postgres import needs_postgres
from tests.kit.waiting import until

pytestmark = [*needs_chromium, needs_postgres]

VIEWS = ("Hosts", "Now", "Exposed", "First seen", "History", "Time machine", "Activity")
HEADER, ROW = 36, 35  # pixels


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """Four hosts, of which delta is silent."""
    with many_hosts() as (running, _):
        wait_for_ever(running)
        silence(running, "delta")
        yield running


@pytest.fixture(scope="module")
def app(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder: Path = tmp_path_factory.mktemp("fleet")
    with dashboard(folder / "porteye.db", folder, PORTEYE_FLEET=fleet.address) as running:
        yield running


def cells(page: Page, table: int = 0) -> list[list[str]]:
    """The rows of a table, in the copy for screen readers."""
    found: list[list[str]] = page.evaluate(
        """table => [...document.querySelectorAll("[data-testid=stDataFrame] canvas")]
            .filter(canvas => canvas.querySelector("table")).at(table)
            ?.querySelectorAll("tbody tr").values()
            .map(row => [...row.cells].map(cell => cell.textContent)).toArray() ?? []""",
        table,
    )
    return found


def click_row(page: Page, row: int, table: int = 0, *, x: int = 200) -> None:
    """Click on a cell of a row, beside the cell with the frame; again if it is refused."""
    box = page.get_by_test_id("stDataFrame").nth(table).bounding_box()
    assert box is not None
    here = page.url

    def has_led_on() -> bool:
        page.mouse.click(box["x"] + x, box["y"] + HEADER + ROW * row + ROW / 2)
        with suppress(Error):
            page.wait_for_url(lambda url: url != here, timeout=3000, wait_until="commit")
        return page.url != here

    until(has_led_on, "the row has led on")


def parameters(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def show(app: App, page: Page, view: str = "", cell: str = "alpha") -> None:
    page.goto(f"{app.url}/{view}")
    wait_for_cells(page, cell)
    expect_settled(page)


def test_hosts_are_the_first_page_and_every_view_is_one_step_away(app: App, page: Page) -> None:
    show(app, page)
    assert [row[0] for row in cells(page)] == ["delta", "alpha", "beta", "gamma"]
    for view in VIEWS[1:]:
        page.get_by_role("link", name=view, exact=True).click()
        page.wait_for_url(f"**/{view.lower().replace(' ', '_')}*")
        expect(page).to_have_title(re.compile("PortEye"))
        expect(page.get_by_text("1 host is silent:")).to_be_visible()
        expect(page.get_by_text("The fleet keeps what was since")).to_be_visible()
        expect_settled(page)
        assert page.get_by_test_id("stException").count() == 0
    page.get_by_role("link", name="See all hosts").click()
    wait_for_cells(page, "delta", "silent")


def test_a_host_leads_to_its_own_page(app: App, page: Page) -> None:
    show(app, page)
    click_row(page, 1, x=400)
    page.wait_for_url("**host=alpha*")


def test_a_state_narrows_the_hosts_and_stands_in_the_address(app: App, page: Page) -> None:
    show(app, page)
    page.get_by_role("radio", name="Silent 1").click()
    page.wait_for_url("**state=silent*")
    until(lambda: [row[0] for row in cells(page)] == ["delta"], "delta alone is shown")
    page.get_by_role("radio", name="All 4").click()
    until(lambda: len(cells(page)) == 4, "all are shown")
    assert "state" not in parameters(page)


def test_a_filter_of_hosts_stays_from_view_to_view(app: App, page: Page) -> None:
    show(app, page, "now?rows=listeners")
    page.get_by_role("textbox", name="Hosts").fill("b*")
    page.keyboard.press("Enter")
    page.wait_for_url("**hosts=b*")
    until(lambda: {row[0] for row in cells(page)} == {"beta"}, "beta alone is shown")
    expect(page.get_by_text("1 host is silent:")).to_have_count(0)
    page.get_by_role("link", name="History", exact=True).click()
    page.get_by_role("radio", name="All", exact=True).click()
    until(lambda: {row[3] for row in cells(page)} == {"beta"}, "events of beta are shown")


def test_a_filter_of_hosts_is_there_again_after_the_page_of_one(app: App, page: Page) -> None:
    show(app, page, "?hosts=a*,b*")
    click_row(page, 1, x=400)
    page.wait_for_url("**host=beta*")
    page.get_by_role("link", name="All hosts").click()
    wait_for_cells(page, "alpha")
    until(lambda: [row[0] for row in cells(page)] == ["alpha", "beta"], "the two are shown")
    expect(page.get_by_role("textbox", name="Hosts")).to_have_value("a*,b*")


def test_a_service_opens_its_hosts_of_which_each_leads_on(app: App, page: Page) -> None:
    show(app, page, "now", "nginx")
    port = cells(page)[0][0]
    click_row(page, 0, x=250)
    assert parameters(page)["service"].startswith(f"{port}/")
    expect(page.get_by_role("button", name="All services")).to_be_visible()
    until(lambda: {row[0] for row in cells(page)[:1]} & set(NAMES), "its hosts are shown")
    host = cells(page)[0][0]
    page.go_back()
    wait_for_cells(page, "nginx")
    page.go_forward()
    wait_for_cells(page, host)
    expect_settled(page)
    click_row(page, 0, x=250)
    page.wait_for_url(f"**host={host}*")
    assert parameters(page)["port"] == port


def test_an_event_leads_to_its_moment_and_to_its_listener(app: App, page: Page) -> None:
    show(app, page, "history?range=all")
    host = cells(page)[2][3]
    click_row(page, 2, x=400)
    page.wait_for_url("**listener*")
    assert parameters(page)["host"] == host
    assert parameters(page)["listener"].isdecimal()
    show(app, page, "history?range=all")
    click_row(page, 2, x=190)  # the column Then
    page.wait_for_url("**/time_machine?**at=*")
    expect(page.get_by_text("listeners on")).to_be_visible()


def test_older_and_newer_events_are_steps_of_the_browser_too(app: App, page: Page) -> None:
    show(app, page, "history?range=all&limit=20")
    newest = cells(page)
    page.get_by_role("button", name="Older", exact=True).click()
    page.wait_for_url("**before=*")
    until(lambda: cells(page) not in ([], newest), "older events are shown")
    page.go_back()
    until(lambda: cells(page) == newest, "the newest are shown again")


def test_the_time_machine_moves_by_words_and_by_steps(app: App, page: Page) -> None:
    show(app, page, "time_machine")
    field = page.get_by_role("searchbox", name="Go to a time")
    field.fill("-2d")
    field.press("Enter")
    page.wait_for_url("**at=*")
    before = parameters(page)["at"]
    expect_settled(page)
    page.get_by_role("button", name="−1 d", exact=True).click()
    page.wait_for_function("at => !location.href.includes(at)", arg=before[:13])
    expect(page.get_by_text("listeners on")).to_be_visible()
    wait_for_cells(page, "alpha")
    expect_settled(page)
    port = cells(page)[0][0]
    click_row(page, 0, x=130)
    assert parameters(page)["port"] == port
    assert "at" in parameters(page)


def test_what_is_exposed_is_shown_by_service_host_and_listener(app: App, page: Page) -> None:
    show(app, page, "exposed", "nginx")
    page.get_by_role("radio", name="By host").click()
    page.wait_for_url("**rows=hosts*")
    until(lambda: len(cells(page)) == 4, "four hosts are shown")
    page.get_by_role("radio", name="Every listener").click()
    page.wait_for_url("**rows=listeners*")
    until(lambda: len(cells(page)) > 4, "listeners are shown")
    page.go_back()
    page.wait_for_url("**rows=hosts*")
    until(lambda: len(cells(page)) == 4, "four hosts are shown again")
    expect(page.get_by_role("radio", name="By host")).to_be_checked()
    page.go_forward()
    until(lambda: len(cells(page)) > 4, "listeners are shown again")
    expect_settled(page)
    click_row(page, 0, x=250)
    page.wait_for_url("**host=*")


@pytest.mark.parametrize("width", [1000, 1150, 1280])
def test_the_links_to_the_views_have_one_line(app: App, browser: Browser, width: int) -> None:
    with browser.new_context(viewport={"width": width, "height": 844}) as context:
        page = context.new_page()
        show(app, page)
        links = page.locator(".st-key-views").get_by_role("link").all()
        boxes = [each.bounding_box() for each in links]
        assert len(boxes) >= len(VIEWS)
        assert len({round(box["y"]) for box in boxes if box}) == 1
        assert max(box["x"] + box["width"] for box in boxes if box) < width - 40  # the menu


def test_a_port_that_is_new_leads_to_its_history(app: App, page: Page) -> None:
    show(app, page, "first_seen?range=all", "nginx")
    port = cells(page)[1][1]
    click_row(page, 1, x=300)
    page.wait_for_url("**/history?**")
    assert parameters(page)["port"] == port
    assert parameters(page)["range"] == "all"


def test_a_bar_leads_to_the_events_of_its_hour(app: App, page: Page) -> None:
    page.goto(f"{app.url}/activity?by=day")
    expect(page.get_by_text("openings and")).to_be_visible()
    wait_for_cells(page, "32768 and higher")
    expect_settled(page)
    bar = page.locator("[data-testid=stPlotlyChart] .bars .point").first
    bar.click(force=True)
    page.wait_for_url("**/history?**")
    assert parameters(page)["range"] == "custom"
    expect(page.get_by_text(re.compile("Showing the newest"))).to_be_visible()


@pytest.fixture
def retired(fleet: Fleet) -> Iterator[str]:
    """The address of a host called gamma that was retired, where another is enrolled as gamma."""
    ((number,),) = fleet.ask(
        "UPDATE host SET retired_at = now_us() WHERE name = 'gamma' RETURNING host_id"
    )
    fleet.ask("INSERT INTO host (name, role, enrolled_at) VALUES ('gamma', 'second', now_us())")
    yield f"gamma~{number}"
    fleet.ask("DELETE FROM host WHERE role = 'second'")
    fleet.ask("UPDATE host SET retired_at = NULL WHERE name = 'gamma'")


@pytest.mark.parametrize("view", ["?", "history?range=all&", "time_machine?at=HOUR_AGO&"])
def test_a_retired_host_is_not_taken_for_another_of_its_name(
    app: App, page: Page, retired: str, view: str
) -> None:
    hour_ago = stamp(time.time_ns() // 1000 - HOUR)
    show(app, page, f"{view}hosts=gamma".replace("HOUR_AGO", hour_ago), "gamma")
    click_row(page, 1, page.get_by_test_id("stDataFrame").count() - 1, x=250)
    page.wait_for_url(f"**host={retired}*")
    expect(page.get_by_text("gamma was retired")).to_be_visible()


def test_a_server_that_comes_back_is_shown_again(fleet: Fleet, tmp_path: Path, page: Page) -> None:
    wrong = fleet.address.replace("user=porteye", "user=late_reader")
    with dashboard(tmp_path / "porteye.db", tmp_path, PORTEYE_FLEET=wrong) as app:
        page.goto(app.url)
        expect(page.get_by_text("The fleet cannot be shown.")).to_be_visible()
        fleet.ask("CREATE ROLE late_reader LOGIN IN ROLE porteye_reader")
        try:
            wait_for_cells(page, "alpha")
            expect(page.get_by_text("The fleet cannot be shown.")).to_have_count(0)
        finally:
            fleet.ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = 'late_reader'"
            )
            fleet.ask("DROP ROLE late_reader")


@pytest.mark.long
@pytest.mark.parametrize("width", [390, 1280, 1920])
def test_no_view_is_wider_than_the_window(app: App, browser: Browser, width: int) -> None:
    agent = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Mobile" if width == 390 else None
    with browser.new_context(viewport={"width": width, "height": 844}, user_agent=agent) as context:
        page = context.new_page()
        for view in VIEWS:
            path = view.lower().replace(" ", "_")
            page.goto(f"{app.url}/{'' if view == 'Hosts' else path}?range=all")
            expect(page.get_by_text("The fleet keeps what was since")).to_be_visible()
            expect_settled(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, view
            save(page, f"fleet-{path}-{width}")
