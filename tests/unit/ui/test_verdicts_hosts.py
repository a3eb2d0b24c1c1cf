"""Verdicts and accepts on the page of a host of a fleet are of that host alone."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from porteye_core.config import Config
from porteye_core.fleet.service import ship_all
from porteye_core.store import alerts
from porteye_core.store.fleet.server import connect
from porteye_core.store.fleet.shipping.shipper import Shipper
from porteye_core.store.writing.startup import open_writer
from tests.kit import configuration
from tests.kit.fleet import Fleet, fleet
from tests.kit.page import open_page, switch, texts
from tests.kit.postgres import needs_postgres
from tests.kit.seeding import seed
from tests.kit.values import HOST

pytestmark = needs_postgres
EXPECTED = """
[[expected]]
port = 80
program = "nginx"
reach = "every interface"
hosts = "web1"
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two hosts with the same history."""
    folder, now = tmp_path_factory.mktemp("hosts"), time.time_ns() // 1000
    with fleet() as made:
        for name in ("web1", "web2"):
            with open_writer(folder / f"{name}.db", HOST, 1) as writer:
                seed(writer, now)
                with connect(made.enrol(name)) as server:
                    ship_all(Shipper(folder / f"{name}.db", server, beat=36_000))
        made.ask("UPDATE watch SET sample_interval = 36000000000")
        yield made


@pytest.fixture
def settings(running: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Config]:
    """Those of a dashboard of the fleet, with a file of expected ports."""
    file = tmp_path / "expected.toml"
    file.write_text(EXPECTED)
    monkeypatch.setenv("PORTEYE_FLEET", running.address)
    monkeypatch.setenv("PORTEYE_EXPECTED", str(file))
    yield Config(db=tmp_path / "porteye.db", fleet=running.address)
    configuration.forget()


def page_of(
    settings: Config, monkeypatch: pytest.MonkeyPatch, host: str, view: str, listener: str = ""
) -> AppTest:
    said = {"host": host, **({"listener": listener} if listener else {})}
    page = switch(open_page(settings.db, monkeypatch, said), view)
    assert not page.exception
    return page


def counts(page: AppTest) -> list[str]:
    (pills,) = (each for each in page.get("button_group") if each.proto.label == "Verdict")
    return [option.content for option in pills.proto.options]


def test_a_host_is_judged_by_the_blocks_that_count_on_it(
    settings: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = (counts(page_of(settings, monkeypatch, of, "now")) for of in ("web1", "web2"))
    assert "1 expected" in here
    assert not [each for each in there if each.endswith(" expected") and "not" not in each]


def test_an_accept_is_of_one_host(settings: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    # The test runner has no address of a viewer.
    monkeypatch.setattr(ContextProxy, "ip_address", None)
    page = page_of(settings, monkeypatch, "web2", "listener", "1")
    page.query_params["listener"] = "1"
    page.run()
    (accept,) = (each for each in page.button if each.label == "Accept")
    accept.click().run()
    assert ":green-badge[accepted]" in texts(page)
    assert [note.host for note in alerts.read_notes(settings.alerts_file, "web2")] == ["web2"]
    assert alerts.read_notes(settings.alerts_file, "web1") == []
    assert alerts.read_notes(settings.alerts_file) == []
