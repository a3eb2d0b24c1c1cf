"""Hosts of a fleet: none that is silent, behind or unwatched is shown as one that reports."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from porteye_core.model import Precision
from porteye_core.store.fleet.hosts import FleetHost, HostState, hosts
from porteye_core.store.fleet.server import connect
from porteye_core.store.fleet.shipping.shipper import Shipper
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Opening
from tests.kit.fleet import Fleet, fleet, ship
from tests.kit.postgres import needs_postgres
from tests.kit.seeding import PLAN
from tests.kit.values import HOST, SECOND, endpoint, owned, process

pytestmark = needs_postgres

# Ticks so rare that no busy machine takes the monitor for one that has stalled.
PATIENT = replace(PLAN, sample_interval_us=3600 * SECOND)


@pytest.fixture(scope="module")
def running() -> Iterator[Fleet]:
    with fleet() as made:
        yield made


@pytest.fixture
def web(running: Fleet, db: Path, request: pytest.FixtureRequest) -> str:
    """A host that ships, whose monitor watches and has two listeners; its name."""
    name = str(request.node.name)[:60].replace("[", "-")
    now = time.time_ns() // 1000
    with open_writer(db, HOST, 1) as writer:
        writer.begin_watch(now, PATIENT)
        for port in (80, 443):
            seen = owned(endpoint(port), process(port))
            writer.record_changes(now, [Opening(seen, now, Precision.POLL)])
        with connect(running.enrol(name)) as server:
            Shipper(db, server, beat=3600).ship()
    return name


def host(of: Fleet, name: str) -> FleetHost:
    with connect(of.address) as server:
        (found,) = [each for each in hosts(server) if each.name == name]
    return found


def alter(of: Fleet, name: str, changes: str) -> HostState:
    of.ask(f"UPDATE host SET {changes} WHERE name = %s", name)
    return host(of, name).state


def test_a_host_that_ships_what_its_monitor_sees_reports(running: Fleet, web: str) -> None:
    found = host(running, web)
    assert found.state is HostState.REPORTING
    assert (found.listeners, found.events, found.behind, found.dropped) == (2, 2, 0, 0)
    assert found.lag is not None
    assert found.lag >= 0


def test_a_host_that_misses_beats_is_silent(running: Fleet, web: str) -> None:
    missed = "received_at - {} * beat"
    assert alter(running, web, f"received_at = {missed.format(2)}") is HostState.REPORTING
    assert alter(running, web, f"received_at = {missed.format(2)}") is HostState.SILENT


def test_a_host_says_itself_how_often_it_ships(running: Fleet, web: str) -> None:
    assert running.ask("SELECT beat FROM host WHERE name = %s", web) == [(3600 * SECOND,)]


def test_a_host_whose_monitor_has_stopped_is_unwatched(running: Fleet, web: str) -> None:
    of = "host_id = (SELECT host_id FROM host WHERE name = %s)"
    running.ask(f"UPDATE watch SET seen_at = seen_at - 4 * sample_interval WHERE {of}", web)
    assert host(running, web).state is HostState.UNWATCHED
    running.ask(f"UPDATE watch SET seen_at = seen_at + 4 * sample_interval WHERE {of}", web)
    assert host(running, web).state is HostState.REPORTING
    running.ask(f"UPDATE watch SET stopped_at = seen_at WHERE {of}", web)
    assert host(running, web).state is HostState.UNWATCHED
    running.ask(f"DELETE FROM watch WHERE {of}", web)
    assert host(running, web).state is HostState.UNWATCHED


def test_a_monitor_is_judged_by_the_clock_of_its_host(running: Fleet, web: str) -> None:
    """An hour of difference is no hour in which nobody watched."""
    ahead = 24 * 3600 * SECOND
    of = "host_id = (SELECT host_id FROM host WHERE name = %s)"
    running.ask(f"UPDATE watch SET seen_at = seen_at + {ahead} WHERE {of}", web)
    assert alter(running, web, f"skew = skew + {ahead}") is HostState.CLOCK


def test_a_host_with_a_backlog_is_behind(running: Fleet, web: str) -> None:
    assert alter(running, web, "behind = 1") is HostState.BEHIND


def test_a_host_that_never_shipped_and_one_that_is_retired_are_told(
    running: Fleet, web: str
) -> None:
    running.enrol("newcomer")
    found = host(running, "newcomer")
    assert (found.state, found.lag, found.events) == (HostState.NEVER, None, 0)
    assert alter(running, web, "retired_at = 1") is HostState.RETIRED


def test_a_host_without_news_is_heard(running: Fleet, db: Path, web: str) -> None:
    del web
    address = running.enrol("calm")
    ship(db, address)
    first = host(running, "calm").received_at
    ship(db, address)
    last = host(running, "calm").received_at
    assert first is not None
    assert last is not None
    assert last > first
