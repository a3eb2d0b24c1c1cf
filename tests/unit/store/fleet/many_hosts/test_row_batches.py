"""Rows of many hosts are those of each host's own page, together."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from porteye_core.errors import FleetError
from porteye_core.model import Filters, Kind, Protocol
from porteye_core.reach import REACHABLE
from porteye_core.store.fleet.host_connection import open_host
from porteye_core.store.fleet.hosts import hosts
from porteye_core.store.fleet.many_hosts import reader as readers
from porteye_core.store.fleet.many_hosts import row_batches
from porteye_core.store.fleet.many_hosts.fleet_records import FLEET_EVENT, FLEET_MOMENT, FLEET_PORT
from porteye_core.store.fleet.many_hosts.moment_coverage import coverages
from porteye_core.store.fleet.many_hosts.newest_events import EventPlace
from porteye_core.store.fleet.many_hosts.reader import FleetReader, open_for_file
from porteye_core.store.fleet.many_hosts.selection import Selection
from porteye_core.store.reading import MomentCoverage, events, json_records, open_listeners
from tests.kit.fleet import Fleet
from tests.kit.many_hosts import DAY, many_hosts
from tests.kit.postgres import VERSIONS, is_reachable, needs_postgres
from tests.kit.waiting import until

pytestmark = needs_postgres

_MOST = 10_000
FILTERS: dict[str, Filters] = {
    "everything": Filters(),
    "a port": Filters(ports=((22, 22),)),
    "ports and a range": Filters(ports=((443, 443), (8000, 40_000))),
    "UDP": Filters(protocol=Protocol.UDP),
    "a word": Filters(process="NGINX"),
    "a word with other letters": Filters(process="GRÖSSE"),
    "a letter that LIKE knows": Filters(process="%_s"),
    "no program": Filters(process="nothing"),
    "reachable": Filters(exposure=REACHABLE),
    "a user": Filters(user="root"),
    "a unit": Filters(home="NGINX.serv"),
    "a container": Filters(home="shop-web"),
    "an address": Filters(address="127.0.0.1"),
    "every interface, IPv6 and IPv4": Filters(address="*"),
    "an interface": Filters(address="10.0.0.7%eth0"),
}
OF_EVENTS: dict[str, Filters] = {
    "openings": Filters(kind=Kind.OPENED),
    "closings of a port by a word": Filters(kind=Kind.CLOSED, ports=((22, 443),), process="python"),
}


class Asked(NamedTuple):
    """The fleet, its hosts by number, and the time at which their histories end."""

    fleet: Fleet
    names: dict[int, str]
    now: int


@pytest.fixture(scope="module", params=VERSIONS)
def asked(request: pytest.FixtureRequest) -> Iterator[Asked]:
    binaries = VERSIONS[request.param]
    if not is_reachable(binaries):
        pytest.skip(f"{binaries} is closed to the user of the server")
    with many_hosts(80, binaries) as (running, now):
        yield Asked(running, dict(running.ask("SELECT host_id, name FROM host")), now)


@pytest.fixture
def reader(asked: Asked) -> Iterator[FleetReader]:
    with open_for_file(asked.fleet.address) as opened:
        yield opened


def of_each_host(asked: Asked, ask: Any, fields: Any) -> list[dict[str, Any]]:
    """The records of a host's own question, of all hosts, with their names."""
    found = []
    for number, name in asked.names.items():
        with open_host(asked.fleet.address, number) as connection:
            found += [{"host": name, **json_records.record(fields, row)} for row in ask(connection)]
    return found


def together(batches: Iterator[Sequence[Any]], fields: Any) -> list[dict[str, Any]]:
    return [json_records.record(fields, row) for rows in batches for row in rows]


def by_port(record: dict[str, Any]) -> tuple[Any, ...]:
    return record["port"], record["protocol"], record["host"], record["address"], record["id"]


@pytest.mark.parametrize("what", [*FILTERS, *OF_EVENTS])
def test_events(asked: Asked, reader: FleetReader, what: str) -> None:
    wanted = (FILTERS | OF_EVENTS)[what]
    numbers = {name: number for number, name in asked.names.items()}
    all_of_each = replace(wanted, limit=_MOST)
    plain = of_each_host(
        asked, lambda connection: events.newest(connection, all_of_each), json_records.EVENT
    )
    plain.sort(
        key=lambda each: (each["timestamp"], numbers[each["host"]], each["id"]), reverse=True
    )
    found = row_batches.event_batches(reader, Selection.of(wanted, ()))
    assert together(found, FLEET_EVENT) == plain


def test_pages_of_events_are_the_whole_history(asked: Asked, reader: FleetReader) -> None:
    whole = [
        row["id"]
        for rows in row_batches.event_batches(reader, Selection.of(Filters(), ()))
        for row in rows
    ]
    found: list[int] = []
    before: EventPlace | None = None
    while rows := row_batches.newest_rows(reader, Selection.of(Filters(), ()), 37, before):
        found += [row["id"] for row in rows]
        before = EventPlace(rows[-1]["at"], rows[-1]["host_id"], rows[-1]["id"])
    assert found == whole
    assert len(whole) > 400


def test_rows_in_several_batches_are_those_in_one(
    asked: Asked, reader: FleetReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found() -> list[list[dict[str, Any]]]:
        covered = coverages(reader, hosts(reader.server), asked.now)
        everything = Selection.of(Filters(), ())
        return [
            together(row_batches.event_batches(reader, everything), FLEET_EVENT),
            together(row_batches.open_batches(reader, everything), FLEET_PORT),
            together(
                row_batches.moment_batches(reader, everything, asked.now, covered), FLEET_MOMENT
            ),
        ]

    at_once = found()
    monkeypatch.setattr(row_batches, "SIZE", 7)
    assert found() == at_once
    assert all(len(each) > 7 for each in at_once)


def test_a_batch_has_its_own_time_limit_and_not_the_rest_of_one(
    asked: Asked, reader: FleetReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_batches, "SIZE", 50)
    reader.server.execute("SET LOCAL statement_timeout = '2s'")
    batches = row_batches.event_batches(reader, Selection.of(Filters(), ()))
    next(batches)
    for _ in range(3):  # longer than the limit, as a client that takes its time
        reader.rows("SELECT pg_sleep(0.9)", {})
    assert sum(len(rows) for rows in batches) > 300


def test_who_takes_no_batch_for_long_keeps_nothing_from_being_cleaned(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_batches, "SIZE", 50)
    limit = readers._OF_A_FILE.replace(b"'10min'", b"'100ms'")
    monkeypatch.setattr(readers, "_OF_A_FILE", limit)
    with open_for_file(asked.fleet.address) as opened:
        batches = row_batches.event_batches(opened, Selection.of(Filters(), ()))
        next(batches)
        pid = opened.server.info.backend_pid
        alive = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
        until(lambda: not asked.fleet.ask(alive, pid), "the server ends the connection")
        with pytest.raises(FleetError):
            next(batches)


def test_events_of_some_hosts(asked: Asked, reader: FleetReader) -> None:
    found = row_batches.event_batches(reader, Selection.of(Filters(), (1, 3)))
    assert {row["host"] for rows in found for row in rows} == {asked.names[1], asked.names[3]}


@pytest.mark.parametrize("what", FILTERS)
def test_what_is_open_now(asked: Asked, reader: FleetReader, what: str) -> None:
    wanted = FILTERS[what]
    plain = of_each_host(
        asked,
        lambda connection: open_listeners.open_now_rows(connection, wanted, asked.now),
        json_records.PORT,
    )
    found = row_batches.open_batches(reader, Selection.of(wanted, ()))
    assert together(found, FLEET_PORT) == sorted(plain, key=by_port)


@pytest.mark.parametrize("what", FILTERS)
@pytest.mark.parametrize("days", [3, 20])
def test_what_was_open_at_a_moment(asked: Asked, reader: FleetReader, what: str, days: int) -> None:
    wanted, at = FILTERS[what], asked.now - days * DAY
    covered = coverages(reader, hosts(reader.server), at)
    plain = of_each_host(
        asked,
        lambda connection: open_listeners.open_at_rows(
            connection, wanted, at, MomentCoverage(None, 2_000_000)
        ),
        json_records.MOMENT,
    )
    found = row_batches.moment_batches(reader, Selection.of(wanted, ()), at, covered)
    assert together(found, FLEET_MOMENT) == sorted(plain, key=by_port)
