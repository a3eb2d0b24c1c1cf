"""Alerts of many hosts on the page, and what people say of a listener of one of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.kit.alerts_process import alerts_of_fleet, answers_of, settle
from tests.kit.app import App, dashboard
from tests.kit.browser import expect_settled, needs_chromium, wait_for_cells
from tests.kit.fleet import Fleet
from tests.kit.fleet_states import wait_for_ever
from tests.kit.many_hosts import many_hosts
from tests.kit.postgres import needs_postgres
from tests.kit.waiting import until

pytestmark = [*needs_chromium, needs_postgres]

EXPECTED = """
[[expected]]
port = [22, 53, 80, 443, "8000-65535"]
reach = "every interface"
[[expected]]
protocol = "udp"
port = "1-65535"
reach = "every interface"
[[expected]]
port = 3306
reach = "every interface"
hosts = ["alpha"]
"""
KEPT = "porteye-fleet-alerts.db"


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with many_hosts() as (running, _):
        wait_for_ever(running)
        running.ask("CREATE ROLE judge LOGIN IN ROLE porteye_reader")
        yield running


@pytest.fixture(scope="module")
def folder(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an alerts database in which 3306 was told of every host but alpha."""
    made: Path = tmp_path_factory.mktemp("fleet")
    settle(made / "porteye.db", EXPECTED)
    with alerts_of_fleet(fleet, made / "porteye.db"):
        until(lambda: answers_of(made / KEPT, "SELECT 1 FROM message"), "it is told")
    return made


@pytest.fixture(scope="module")
def app(fleet: Fleet, folder: Path) -> Iterator[App]:
    with dashboard(folder / "porteye.db", folder, PORTEYE_FLEET=fleet.address) as running:
        yield running


def found(folder: Path) -> tuple[str, int]:
    """Host and listener of the newest finding."""
    statement = "SELECT host, listener_id FROM finding ORDER BY id DESC LIMIT 1"
    ((host, listener),) = answers_of(folder / KEPT, statement)
    return host, listener


def test_findings_have_their_host_and_lead_to_its_listener(
    app: App, page: Page, folder: Path
) -> None:
    host, listener = found(folder)
    page.goto(f"{app.url}/alerts")
    wait_for_cells(page, host)
    expect_settled(page)
    table = page.get_by_test_id("stDataFrame").first
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 250, box["y"] + 36 + 17)
    page.wait_for_url(lambda url: f"host={host}" in url)
    expect(page.get_by_text("All hosts")).to_be_visible()
    assert f"listener={listener}" in page.url


def test_findings_are_those_of_the_hosts_that_are_wanted(
    app: App, page: Page, folder: Path
) -> None:
    host, _ = found(folder)
    page.goto(f"{app.url}/alerts?hosts={host}")
    wait_for_cells(page, host)
    page.goto(f"{app.url}/alerts?hosts=alpha")
    expect(page.get_by_text("Nothing that an alerts process has found is open.")).to_be_visible()


def test_an_accept_is_of_one_host(app: App, page: Page, folder: Path) -> None:
    host, listener = found(folder)
    page.goto(f"{app.url}/listener?host={host}&listener={listener}")
    expect(page.get_by_text("no block has this port.")).to_be_visible()
    page.get_by_role("button", name="Accept", exact=True).click()
    expect(page.get_by_text("accepted", exact=True)).to_be_visible()
    statement = "SELECT host FROM note WHERE accepted_at IS NOT NULL"
    assert answers_of(folder / KEPT, statement) == [(host,)]


def test_a_silence_names_hosts(app: App, page: Page, folder: Path) -> None:
    page.goto(f"{app.url}/alerts")
    page.get_by_role("button", name="Add a silence").click()
    page.get_by_label("Host", exact=True).fill("gam*")
    page.get_by_role("button", name="Silence", exact=True).click()
    expect(page.get_by_text("host gam*")).to_be_visible()
    stored = answers_of(folder / KEPT, "SELECT matcher FROM silence")
    assert stored == [('{"host": "gam*"}',)]
