"""States of hosts in words."""

from dataclasses import replace

import pytest

from porteye_core.store.fleet.many_hosts.questions import FleetHost, HostState
from porteye_core.store.reading import Gap, MomentCoverage
from porteye_core.ui.fleet.host_states import (
    GRAVEST_FIRST,
    counts,
    doubts,
    gravest_first,
    unknown_at,
)
from porteye_core.ui.table_columns import HOST_STATES

HOST = FleetHost(1, "web1", HostState.REPORTING, 0, None, 10, 0, 0, "1", 1, 1, 0, 0, 10)


def host(name: str, state: HostState) -> FleetHost:
    return replace(HOST, id=hash(name), name=name, state=state)


def test_every_state_has_a_place_and_a_colour() -> None:
    assert set(GRAVEST_FIRST) == set(HostState)
    assert list(HOST_STATES) == [state.value for state in GRAVEST_FIRST]


def test_hosts_are_sorted_by_gravity_then_by_name() -> None:
    found = [
        host("b", HostState.SILENT),
        host("c", HostState.REPORTING),
        host("a", HostState.SILENT),
    ]
    assert [each.name for each in gravest_first(found)] == ["a", "b", "c"]
    assert counts(found) == {HostState.SILENT: 2, HostState.REPORTING: 1}


def test_hosts_that_report_and_retired_ones_are_no_doubt() -> None:
    assert doubts([HOST, host("old", HostState.RETIRED)]) == []


@pytest.mark.parametrize(
    ("state", "one", "two"),
    [
        (HostState.SILENT, "1 host is silent:", "2 hosts are silent:"),
        (HostState.UNWATCHED, "1 host is unwatched:", "2 hosts are unwatched:"),
        (HostState.NEVER, "1 host has never shipped:", "2 hosts have never shipped:"),
        (HostState.BEHIND, "1 host is behind:", "2 hosts are behind:"),
        (HostState.CLOCK, "1 clock is off:", "2 clocks are off:"),
    ],
)
def test_each_doubt_is_a_sentence(state: HostState, one: str, two: str) -> None:
    (found,) = doubts([host("a", state)])
    assert (found.count, found.names) == (one, "a")
    assert found.meaning.endswith(".")
    (found,) = doubts([host("a", state), host("b", state)])
    assert (found.count, found.names) == (two, "a, b")


def test_many_hosts_are_counted_and_some_are_named() -> None:
    (found,) = doubts([host(f"h{n}", HostState.SILENT) for n in range(40)])
    assert found.count == "40 hosts are silent:"
    assert found.names == "h0, h1, h2, h3, h4 and 35 more"


def test_a_doubt_of_several_hosts_may_be_an_iterator() -> None:
    of = (host(name, state) for name, state in (("a", HostState.BEHIND), ("b", HostState.SILENT)))
    assert [each.names for each in doubts(of)] == ["b", "a"]


def test_a_host_is_not_known_in_a_gap() -> None:
    other = replace(HOST, id=2, name="web2")
    covered = {1: MomentCoverage(Gap(40, 60)), 2: MomentCoverage(None, 10)}
    assert unknown_at([HOST, other], covered, 50) == ["web1"]


def test_a_host_that_was_retired_before_is_not_missed() -> None:
    covered = {1: MomentCoverage(Gap(40, None))}
    retired = replace(HOST, state=HostState.RETIRED, retired_at=49)
    assert unknown_at([retired], covered, 50) == []
    assert unknown_at([replace(retired, retired_at=51)], covered, 50) == ["web1"]
