"""The page of one host of a fleet, and the ways between it and the page of all hosts."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from porteye_core.fleet.service import ship_all
from porteye_core.store.fleet.administration.enrolment import enrol
from porteye_core.store.fleet.administration.migrations import migrate
from porteye_core.store.fleet.server import connect
from porteye_core.store.fleet.shipping.shipper import Shipper
from porteye_core.store.writing.startup import open_writer
from tests.kit.app import App, dashboard
from tests.kit.browser import expect_settled, needs_chromium, row_of, wait_for_cells
from tests.kit.fleet import Fleet, fleet
from tests.kit.postgres import cluster, needs_postgres
from tests.kit.seeding import seed
from tests.kit.values import HOST

pytestmark = [*needs_chromium, needs_postgres]

VIEWS = ("Now", "Timeline", "History", "Monitor")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two hosts with the same history, of which one is silent."""
    folder = tmp_path_factory.mktemp("hosts")
    now = time.time_ns() // 1000
    with fleet() as made:
        for name in ("web1", "web2"):
            with open_writer(folder / f"{name}.db", HOST, 1) as writer:
                seed(writer, now)
                with connect(made.enrol(name)) as server:
                    ship_all(Shipper(folder / f"{name}.db", server, beat=36_000))
        # Ticks so rare that no busy machine takes the monitors for stalled ones.
        made.ask("UPDATE watch SET sample_interval = 36000000000")
        made.ask("UPDATE host SET received_at = received_at - 4 * beat WHERE name = 'web2'")
        yield made


@pytest.fixture(scope="module")
def app(running: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    folder: Path = tmp_path_factory.mktemp("dashboard")
    with dashboard(folder / "porteye.db", folder, PORTEYE_FLEET=running.address) as started:
        yield started


def bar(page: Page) -> list[str]:
    return page.locator(".st-key-views").inner_text().split("\n")


def warnings(page: Page) -> list[str]:
    return page.locator(".st-key-banner").get_by_test_id("stAlert").all_inner_texts()


def test_every_view_of_a_host_is_one_step_away_and_keeps_the_host(app: App, page: Page) -> None:
    page.goto(f"{app.url}/?host=web1&port=80")
    wait_for_cells(page, "80", "nginx")
    expect_settled(page)
    assert [each for each in bar(page) if each in (*VIEWS, "All hosts", "web1", "Alerts")] == [
        *("All hosts", "web1", *VIEWS)
    ]
    for view in VIEWS[1:]:
        page.locator(".st-key-views").get_by_role("link", name=view, exact=True).click()
        page.wait_for_url(re.compile(f"/{view.lower()}\\?.*host=web1.*"))
        expect(page).to_have_title(f"{view} - web1 - PortEye")
        expect_settled(page)
        assert "port=80" in page.url
        assert page.get_by_test_id("stException").count() == 0
        assert warnings(page) == []


def test_all_hosts_are_a_link_away_and_the_browser_goes_back(app: App, page: Page) -> None:
    page.goto(app.url)
    wait_for_cells(page, "web1", "web2")
    page.goto(f"{app.url}/history?host=web1")
    wait_for_cells(page, "nginx")
    page.get_by_role("link", name="All hosts").click()
    wait_for_cells(page, "web1", "web2")
    assert "host=" not in page.url
    page.go_back()
    page.wait_for_url("**/history?*host=web1*")
    expect(page).to_have_title("History - web1 - PortEye")
    page.go_back()
    wait_for_cells(page, "web1", "web2")
    expect(page).to_have_title("2 hosts - PortEye")


def test_a_silent_host_is_said_on_every_view(app: App, page: Page) -> None:
    for view in ("", "timeline", "history", "monitor"):
        page.goto(f"{app.url}/{view}?host=web2")
        expect(page.get_by_text("web2 is silent:")).to_be_visible()
        badge = page.locator("[data-testid=stSidebar] .stMarkdownBadge", has_text="Silent")
        expect(badge).to_be_visible()


def test_a_listener_of_a_host_has_no_command_of_this_machine(app: App, page: Page) -> None:
    page.goto(f"{app.url}/?host=web1")
    wait_for_cells(page, "80", "nginx")
    expect_settled(page)
    box = page.get_by_test_id("stDataFrame").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 200, box["y"] + 36 + 30 * (row_of(page, 80) + 0.5))
    drawer = page.get_by_role("dialog")
    expect(drawer).to_contain_text("nginx on port 80")
    expect(drawer.locator("code", has_text="host=web1")).to_be_visible()
    assert drawer.locator("code", has_text="kill").count() == 0
    assert drawer.get_by_role("link", name=re.compile("^Open ")).count() == 0
    link = drawer.locator("code", has_text="host=web1").inner_text()
    page.goto(link)
    expect(page.get_by_role("dialog")).to_contain_text("nginx on port 80")


def test_a_host_that_there_is_not_leads_to_those_that_there_are(app: App, page: Page) -> None:
    page.goto(f"{app.url}/timeline?host=nobody")
    expect(page.get_by_text("No host “nobody” is enrolled in this fleet.")).to_be_visible()
    page.get_by_role("link", name="All hosts").click()
    wait_for_cells(page, "web1", "web2")


def test_a_download_has_the_events_of_the_host(app: App, page: Page) -> None:
    page.goto(f"{app.url}/history?host=web1&range=all")
    with page.expect_download() as downloading:
        page.get_by_role("link", name=re.compile("^Download CSV")).click()
    assert "host-web1" in downloading.value.suggested_filename
    assert len(downloading.value.path().read_text().splitlines()) == 7


def test_a_server_that_goes_away_and_comes_back_is_said(tmp_path: Path, page: Page) -> None:
    with cluster() as server:
        with connect(server.address) as administrator:
            migrate(administrator)
            enrol(administrator, "web1")
        with dashboard(tmp_path / "porteye.db", tmp_path, PORTEYE_FLEET=server.address) as app:
            page.goto(f"{app.url}/?host=web1")
            shipped, away = (page.get_by_text(said) for said in ("shipped nothing yet", "shown."))
            expect(shipped).to_be_visible()
            server.kill()
            expect(away).to_be_visible()
            page.goto(f"{app.url}/history?host=web1")
            expect(away).to_contain_text("The fleet cannot be shown.")
            server.start()
            expect(shipped).to_be_visible()
            assert page.get_by_test_id("stException").count() == 0
