"""The view Hosts tells who reports, the gravest first."""

from collections.abc import Iterator

import pytest

from tests.kit.fleet import Fleet
from tests.kit.fleet import fleet as empty_fleet
from tests.kit.fleet_page import open_fleet_page
from tests.kit.fleet_states import (
    fall_behind,
    retire,
    set_clock,
    silence,
    unwatch,
    wait_for_ever,
)
from tests.kit.many_hosts import many_hosts
from tests.kit.page import address, table, texts
from tests.kit.postgres import needs_postgres

pytestmark = needs_postgres


@pytest.fixture(scope="module")
def troubled() -> Iterator[Fleet]:
    """A host in each state but one that reports."""
    with many_hosts(20) as (running, _):
        wait_for_ever(running)
        running.enrol("omega")
        silence(running, "beta")
        unwatch(running, "gamma")
        fall_behind(running, "alpha", 1234)
        set_clock(running, "delta", 12)
        yield running


def states(frame: "object") -> list[tuple[str, str]]:
    rows = zip(frame["host"], frame["host_state"], strict=True)  # type: ignore[index]
    return [(host, state) for host, (state,) in rows]


def test_the_gravest_states_come_first(troubled: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = table(open_fleet_page(troubled.address, monkeypatch))
    assert states(frame) == [
        ("beta", "silent"),
        ("gamma", "unwatched"),
        ("omega", "never shipped"),
        ("alpha", "behind"),
        ("delta", "clock off"),
    ]
    of = frame.set_index("host")
    assert of.loc["beta", "latest"] == "10 days ago"
    assert of.loc["omega", "latest"] == "never"
    assert of.loc["alpha", "behind"] == 1234
    assert of.loc["delta", "clock"] == "+12.0 s"
    assert of["listeners"].tolist() == [8, 8, 0, 8, 8]
    assert "dropped" not in frame.columns


def test_the_exposed_listeners_of_each_host_are_counted(
    troubled: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = table(open_fleet_page(troubled.address, monkeypatch))
    plain = dict(
        troubled.ask(
            "SELECT h.name, count(*) FILTER (WHERE l.exposure::text IN ('one link', 'one network',"
            " 'IPv6 only', 'every interface')) FROM host h LEFT JOIN open_listener l"
            " USING (host_id) GROUP BY 1"
        )
    )
    assert dict(zip(frame["host"], frame["exposed"], strict=True)) == plain
    assert 0 < max(plain.values()) <= 8


def test_a_state_of_the_address_narrows_the_table(
    troubled: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_fleet_page(troubled.address, monkeypatch, said={"state": "silent"})
    assert states(table(page)) == [("beta", "silent")]
    page = open_fleet_page(troubled.address, monkeypatch, said={"state": "no such"})
    assert len(table(page)) == 5
    assert "state" not in address(page)


def test_hosts_are_found_by_name_and_pattern(
    troubled: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_fleet_page(troubled.address, monkeypatch, said={"hosts": "*ETA, omega"})
    assert {host for host, _ in states(table(page))} == {"beta", "omega"}
    assert address(page)["hosts"] == "*ETA, omega"
    page = open_fleet_page(troubled.address, monkeypatch, said={"hosts": "web*"})
    assert not page.dataframe
    assert r"No host of 5 has a name like web\*" in texts(page)


def test_a_pattern_that_cannot_be_understood_is_said(
    troubled: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_fleet_page(troubled.address, monkeypatch, said={"hosts": "web[1"})
    assert "opens a bracket and does not close it" in texts(page)
    assert len(table(page)) == 5


def test_a_retired_host_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    with many_hosts(5) as (running, _):
        wait_for_ever(running)
        retire(running, "alpha")
        frame = table(open_fleet_page(running.address, monkeypatch))
    assert states(frame)[-1] == ("alpha", "retired")


def test_without_a_host_the_page_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with empty_fleet() as running:
        page = open_fleet_page(running.address, monkeypatch)
    assert "No host is enrolled yet." in texts(page)
    assert [each.value.splitlines()[0] for each in page.code] == ["porteye fleet enrol web1"]
