"""The fleet's page shows verdicts by the file of expected ports, and open findings."""

from dataclasses import replace
from pathlib import Path

import pytest

from porteye_core.store.alerts import add_finding, open_to_write
from tests.kit.alerts import WIDER
from tests.kit.fleet import Fleet
from tests.kit.fleet_page import open_fleet_page
from tests.kit.page import table, texts
from tests.kit.postgres import needs_postgres

pytestmark = needs_postgres

_BLOCK = """
[[expected]]
port = [22, 53, 80, 443, 3306, "8000-8001", 40000, 50000]
protocol = "{}"
reach = "every interface"
hosts = ["alpha", "beta"]
"""
EXPECTED = _BLOCK.format("tcp") + _BLOCK.format("udp")


@pytest.fixture
def expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file by which everything is expected on alpha and beta, and nothing on the others."""
    file = tmp_path / "expected.toml"
    file.write_text(EXPECTED)
    monkeypatch.setenv("PORTEYE_EXPECTED", str(file))
    return file


def test_each_listener_has_the_verdict_of_its_host(
    fleet: Fleet, expected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for view in ("now", "exposed"):
        said = {"rows": "listeners", "exposure": "reachable"}
        frame = table(open_fleet_page(fleet.address, monkeypatch, view, said))
        verdicts = {
            (host, *verdict) for host, verdict in zip(frame["host"], frame["verdict"], strict=True)
        }
        assert verdicts == {
            ("alpha", "expected"),
            ("beta", "expected"),
            ("gamma", "new"),
            ("delta", "new"),
        }


def test_a_service_has_the_gravest_verdict_of_its_hosts(
    fleet: Fleet, expected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = table(open_fleet_page(fleet.address, monkeypatch, "exposed"))
    hosts = dict[tuple[object, ...], set[str]]()
    for host, *service in fleet.ask(
        "SELECT h.name, l.port, l.protocol::text, coalesce(g.title, ''), l.exposure::text"
        " FROM open_listener l JOIN host h USING (host_id)"
        " LEFT JOIN program g ON g.id = l.program_id"
    ):
        hosts.setdefault(tuple(service), set()).add(host)
    shown = zip(
        frame["port"],
        frame["protocol"],
        frame["program"],
        (reach for (reach,) in frame["exposure"]),
        frame["verdict"],
        strict=True,
    )
    for *service, verdict in shown:
        is_expected = hosts[tuple(service)] <= {"alpha", "beta"}
        assert list(verdict) == ["expected" if is_expected else "new"], service


def test_without_a_file_nothing_is_judged(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "verdict" not in table(open_fleet_page(fleet.address, monkeypatch, "now"))


def test_a_wrong_file_is_said_and_the_last_good_one_counts(
    fleet: Fleet, expected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_fleet_page(fleet.address, monkeypatch, "now")
    before = [*map(tuple, table(page)["verdict"])]
    expected.write_text("[[expected]]\nport = 99999\n")
    page = page.run()
    assert "The last good file counts." in texts(page)
    assert [*map(tuple, table(page)["verdict"])] == before


def test_open_findings_are_counted_for_each_host(
    fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "fleet-alerts.db"
    monkeypatch.setenv("PORTEYE_ALERTS_DB", str(file))
    assert "findings" not in table(open_fleet_page(fleet.address, monkeypatch))
    with open_to_write(file) as connection:
        for host, ended in (("alpha", None), ("alpha", None), ("beta", None), ("gamma", 7)):
            add_finding(connection, replace(WIDER, host=host, ended_at=ended))
    frame = table(open_fleet_page(fleet.address, monkeypatch))
    found = dict(zip(frame["host"], frame["findings"].fillna(0), strict=True))
    assert found == {"alpha": 2, "beta": 1, "gamma": 0, "delta": 0}
