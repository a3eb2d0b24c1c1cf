"""The page of one host of a fleet says why what it shows is not all that is so, or not now."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from porteye_core.fleet.service import ship_all
from porteye_core.store.fleet.administration.enrolment import retire
from porteye_core.store.fleet.server import connect
from porteye_core.store.fleet.shipping.shipper import Shipper
from porteye_core.store.writing.startup import open_writer
from tests.kit import configuration
from tests.kit.fleet import Fleet, fleet
from tests.kit.page import address, open_page, switch, texts
from tests.kit.postgres import needs_postgres
from tests.kit.seeding import seed
from tests.kit.values import HOST

pytestmark = needs_postgres
VIEWS = ("now", "timeline", "history", "monitor", "listener")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A fleet of a host that reports and of one that has shipped nothing."""
    db = tmp_path_factory.mktemp("host") / "porteye.db"
    with fleet() as made, open_writer(db, HOST, 1) as writer:
        seed(writer, time.time_ns() // 1000)
        with connect(made.enrol("web1")) as server:
            ship_all(Shipper(db, server, beat=3600))
        made.enrol("newcomer")
        yield made


@pytest.fixture
def altered(running: Fleet) -> Iterator[Fleet]:
    """The fleet, whose hosts are as they were after the test."""
    before = running.ask("SELECT received_at, skew, behind, dropped FROM host WHERE name = 'web1'")
    yield running
    running.ask(
        "UPDATE host SET received_at = %s, skew = %s, behind = %s, dropped = %s"
        " WHERE name = 'web1'",
        *before[0],
    )
    running.ask("UPDATE watch SET stopped_at = NULL")


def page_of(
    running: Fleet, monkeypatch: pytest.MonkeyPatch, host: str, view: str = "now"
) -> AppTest:
    monkeypatch.setenv("PORTEYE_FLEET", running.address)
    page = open_page(Path("/nowhere/porteye.db"), monkeypatch, {"host": host})
    found = switch(page, view)
    assert not found.exception
    return found


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    yield
    configuration.forget()


@pytest.mark.parametrize("view", VIEWS)
def test_of_a_host_that_reports_nothing_is_said(
    running: Fleet, monkeypatch: pytest.MonkeyPatch, view: str
) -> None:
    page = page_of(running, monkeypatch, "web1", view)
    assert not page.warning
    assert address(page)["host"] == "web1"
    assert "**web1**" in texts(page)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ("received_at = received_at - 4 * beat", "**web1 is silent:** its latest batch came"),
        ("behind = 1", "**web1 is behind:** 1 event follows that it has not shipped yet."),
        ("behind = 2345", "2,345 events follow"),
        ("skew = 3600000000", "**The clock of web1 is 1 h ahead of the server's.**"),
        ("skew = -3000000", "is 3 s behind the server's.**"),
        ("dropped = 12", "**12 events are missing:** the host's own retention dropped them"),
    ],
)
@pytest.mark.parametrize("view", ["now", "history"])
def test_what_is_doubtful_is_said_on_every_view(
    altered: Fleet, monkeypatch: pytest.MonkeyPatch, changes: str, said: str, view: str
) -> None:
    altered.ask(f"UPDATE host SET {changes} WHERE name = 'web1'")
    if "skew" in changes:  # the monitor watches by its own clock
        altered.ask(f"UPDATE watch SET seen_at = seen_at + {changes.rpartition(' ')[2]}")
    try:
        page = page_of(altered, monkeypatch, "web1", view)
        assert [warning.value for warning in page.warning if said in warning.value]
    finally:
        if "skew" in changes:
            altered.ask(f"UPDATE watch SET seen_at = seen_at - {changes.rpartition(' ')[2]}")


def test_a_monitor_that_has_stopped_is_said(
    altered: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    altered.ask("UPDATE watch SET stopped_at = seen_at")
    page = page_of(altered, monkeypatch, "web1")
    assert "**No monitor watches web1** since" in texts(page)
    assert "Start it" not in [button.label for button in page.button]


def test_a_host_that_has_shipped_nothing_is_said(
    running: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for view in VIEWS:
        page = page_of(running, monkeypatch, "newcomer", view)
        assert "**newcomer has shipped nothing yet.**" in texts(page)


def test_a_retired_host_keeps_its_history(running: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    running.enrol("old")
    with connect(running.address) as server:
        retire(server, "old")
    page = page_of(running, monkeypatch, "old", "history")
    assert "**old was retired** today" in texts(page)


def test_nothing_of_this_machine_stands_on_the_page_of_another(
    running: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORTEYE_STOP", "on")
    monkeypatch.setenv("PORTEYE_TOKEN", "a-token-of-a-test-that-is-long-enough")
    page = page_of(running, monkeypatch, "web1", "listener")
    page.query_params["listener"] = "1"
    page.run()
    assert "listens on" in texts(page)
    commands = [code.value for code in page.code]
    assert not [each for each in commands if each.startswith(("kill", "sudo", "systemctl"))]
    assert "Stop it here" not in [button.label for button in page.button]
    assert not page.get("link_button")
