"""Questions over many hosts, timed beside their plainest form over the same rows."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.fleet.seeded_hosts import RARE_PORT, seed_hosts
from benchmarks.fleet.shipped_again import ship_again
from benchmarks.machine import quantile
from benchmarks.postgres_server import Access, cluster
from benchmarks.report import Cell, Check, Table
from porteye_core.model import Kind
from porteye_core.reach import REACHABLE
from porteye_core.store.fleet.administration.migrations import migrate
from porteye_core.store.fleet.hosts import hosts
from porteye_core.store.fleet.many_hosts import activity, listeners
from porteye_core.store.fleet.many_hosts.first_seen import new_ports
from porteye_core.store.fleet.many_hosts.newest_events import newest_events
from porteye_core.store.fleet.many_hosts.reader import FleetReader, open_fleet
from porteye_core.store.fleet.many_hosts.selection import Selection
from porteye_core.store.fleet.server import connect

_DAY = 86_400_000_000
_FILTERED, _WHOLE = 50.0, 100.0  # milliseconds at p95
_NAIVE_ROUNDS = 1
_SHIPPED_AGAIN = 3  # hosts
# What a server of many hosts has; docs/fleet.md.
SETTINGS = Access(settings=("shared_buffers=1GB", "max_wal_size=4GB", "maintenance_work_mem=256MB"))

_EVENTS = """SELECT e.*, h.name, g.title FROM event e JOIN host h USING (host_id)
LEFT JOIN program g ON g.id = e.program_id WHERE {} ORDER BY e.at DESC LIMIT 100"""
_OPEN = """SELECT l.*, h.name, g.title FROM open_listener l JOIN host h USING (host_id)
LEFT JOIN program g ON g.id = l.program_id WHERE {} ORDER BY l.port LIMIT 1000"""
_THEN = """(SELECT host_id, port, protocol FROM open_listener WHERE opened_at <= {at} UNION ALL
SELECT host_id, port, protocol FROM life WHERE opened_at <= {at} AND closed_at > {at}) l"""
_TEXT = "(g.name ILIKE '%%{0}%%' OR g.title ILIKE '%%{0}%%' OR g.cmdline ILIKE '%%{0}%%')"
_HOME = """EXISTS (SELECT FROM process p WHERE p.host_id = {0}.host_id AND p.{1} = {0}.{2}
AND (p.unit ILIKE '%%service17.%%' OR p.container ILIKE '%%service17.%%'))"""


@dataclass(frozen=True, slots=True)
class Timed:
    """A question with its plainest form and its budget, in milliseconds."""

    name: str
    ask: Callable[[FleetReader], Any]
    naive: str
    budget: float = _FILTERED


def over_many_hosts(
    count: int, events: int, rounds: int, folder: Path | None = None
) -> tuple[Table, tuple[Check, Check]]:
    """Seed a fleet in a server of its own, time every question, and ship some hosts again.

    folder: where the fleet is kept, and used again.
    """
    with cluster(access=SETTINGS, folder=folder) as running:
        with connect(running.address) as server:
            if migrate(server):
                seed_hosts(server, count, events)
        with open_fleet(running.address) as reader:
            now = reader.now
        rows = tuple(_timed(each, running.address, rounds) for each in _questions(now))
        with connect(running.address) as server:
            server.execute("SET search_path = fleet, public")
            shipped, differing = ship_again(server, range(1, 1 + min(count, _SHIPPED_AGAIN)))
    met = [row for row in rows if float(row[2] or 0) <= float(row[-1] or 0)]
    columns = ("question", "p50 ms", "p95 ms", "server CPU ms", "plainest p50 ms", "budget ms")
    title = f"Questions over {count:,} hosts with {events:,} events, {rounds} rounds"
    check = Check(
        f"questions over {count:,} hosts within their budget",
        f"{len(met)} of {len(rows)}",
        "all",
        len(met) == len(rows),
    )
    same = Check(
        f"of {shipped:,} seeded rows that were shipped again",
        f"{differing} differ",
        "none",
        differing == 0,
    )
    return Table(title, columns, rows), (check, same)


def _timed(question: Timed, address: str, rounds: int) -> tuple[Cell, ...]:
    """Its times by a connection that stays, after one round that is not counted."""
    with open_fleet(address) as reader:
        process = reader.server.info.backend_pid
        took, worked = _rounds(lambda: question.ask(reader), rounds, process)
        # The plainest form may take minutes.
        reader.server.execute("SET LOCAL statement_timeout = 0")
        naive, _ = _rounds(
            lambda: reader.rows(question.naive, {}), min(rounds, _NAIVE_ROUNDS), process
        )
    times = quantile(took, 0.5), quantile(took, 0.95), quantile(worked, 0.5), quantile(naive, 0.5)
    return question.name, *times, question.budget


def _rounds(ask: Callable[[], Any], rounds: int, process: int) -> tuple[list[float], list[float]]:
    """Milliseconds by the clock, and of the processor by the server's process."""
    took, worked = list[float](), list[float]()
    for _ in range(rounds + 1):
        before, began = _worked(process), time.perf_counter()
        ask()
        took.append((time.perf_counter() - began) * 1000)
        worked.append(_worked(process) - before)
    return took[1:], worked[1:]


def _worked(process: int) -> float:
    """Milliseconds of the processor that a process has used; zero where the system counts none."""
    counted = Path(f"/proc/{process}/schedstat")
    return int(counted.read_text().split()[0]) / 1e6 if counted.exists() else 0.0


def _questions(now: int) -> Iterator[Timed]:
    yield Timed(
        "hosts, with their listeners",
        lambda reader: hosts(reader.server),
        "SELECT h.*, count(*) FROM host h JOIN open_listener l USING (host_id) GROUP BY h.host_id",
    )
    yield from _of_events(now)
    yield from _of_listeners(now - 20 * _DAY)
    yield from _of_activity(now)


def _of_events(now: int) -> Iterator[Timed]:
    for name, wanted, naive in (
        ("no filter", Selection(), "TRUE"),
        ("a busy port", Selection(ports=((520, 520),)), "e.port = 520"),
        ("a rare port", Selection(ports=((RARE_PORT, RARE_PORT),)), f"e.port = {RARE_PORT}"),
        ("a range", Selection(ports=((8000, 8999),)), "e.port BETWEEN 8000 AND 8999"),
        ("a host", Selection(hosts=(7,)), "e.host_id = 7"),
        ("a host and a port", Selection((7,), ((520, 520),)), "e.host_id = 7 AND e.port = 520"),
        ("a common word", Selection(program="service1"), _TEXT.format("service1")),
        ("a rare word", Selection(program="instance 1999 "), _TEXT.format("instance 1999 ")),
        ("an absent word", Selection(program="nothing"), _TEXT.format("nothing")),
        ("a user", Selection(user="user7"), "g.\"user\" = 'user7'"),
        ("an address of all hosts", Selection(address="127.0.0.1"), "e.address = '127.0.0.1'"),
        ("an address of one host", Selection(address="10.0.0.7"), "e.address = '10.0.0.7'"),
        ("a unit", Selection(home="service17."), _HOME.format("e", "pid", "pid")),
        ("openings a month ago", Selection(kind=Kind.OPENED, until=now - 30 * _DAY),
            f"e.kind = 'opened' AND e.at <= {now - 30 * _DAY}"),
    ):  # fmt: skip
        yield Timed(
            f"newest events: {name}",
            partial(_newest, wanted),
            _EVENTS.format(naive),
        )


def _newest(wanted: Selection, reader: FleetReader) -> Any:
    return newest_events(reader, wanted)


def _open_now(wanted: Selection, reader: FleetReader) -> Any:
    return listeners.open_now(reader, wanted)


def _of_listeners(at: int) -> Iterator[Timed]:
    port, everything = Selection(ports=((520, 520),)), Selection()
    then = _THEN.format(at=at)
    exposed = Selection(exposure=REACHABLE)
    reach = "', '".join(REACHABLE)
    yield Timed(
        "open now: a port",
        lambda reader: listeners.open_now(reader, port),
        _OPEN.format("l.port = 520"),
    )
    yield Timed(
        "open now: a word",
        lambda reader: listeners.open_now(reader, Selection(program="service1")),
        _OPEN.format(_TEXT.format("service1")),
    )
    for name, wanted, naive in (
        ("a user", Selection(user="user7"), "g.\"user\" = 'user7'"),
        ("an address", Selection(address="10.0.0.7"), "l.address = '10.0.0.7'"),
        ("a unit", Selection(home="service17."), _HOME.format("l", "id", "process_id")),
    ):
        yield Timed(f"open now: {name}", partial(_open_now, wanted), _OPEN.format(naive))
    yield Timed(
        "open now: all",
        partial(_open_now, everything),
        _OPEN.format("TRUE"),
        _WHOLE,
    )
    yield Timed(
        "open now: how many",
        lambda reader: listeners.count_now(reader, everything),
        "SELECT count(*) FROM open_listener",
        _WHOLE,
    )
    grouped = (
        "SELECT l.port, l.protocol, g.title, l.exposure, count(DISTINCT l.host_id)"
        " FROM open_listener l LEFT JOIN program g ON g.id = l.program_id WHERE {}"
        " GROUP BY 1, 2, 3, 4"
    )
    yield Timed(
        "services: all",
        lambda reader: listeners.services(reader, everything),
        grouped.format("TRUE"),
        _WHOLE,
    )
    yield Timed(
        "exposed: all",
        lambda reader: listeners.services(reader, exposed),
        grouped.format(f"l.exposure IN ('{reach}')"),
        _WHOLE,
    )
    yield Timed(
        "exposed: a port",
        lambda reader: listeners.services(reader, Selection(ports=port.ports, exposure=REACHABLE)),
        grouped.format(f"l.port = 520 AND l.exposure IN ('{reach}')"),
    )
    yield Timed(
        "20 days ago: a port",
        lambda reader: listeners.open_at(reader, port, at),
        f"SELECT * FROM {then} WHERE port = 520",
    )
    yield Timed(
        "20 days ago: a host",
        lambda reader: listeners.open_at(reader, Selection(hosts=(7,)), at),
        f"SELECT * FROM {then} WHERE host_id = 7",
    )
    yield Timed(
        "20 days ago: how many",
        lambda reader: listeners.count_at(reader, everything, at),
        f"SELECT count(*) FROM {then}",
        _WHOLE,
    )
    yield Timed(
        "20 days ago: all, the first 1,000",
        lambda reader: listeners.open_at(reader, everything, at),
        f"SELECT * FROM {then} ORDER BY port LIMIT 1000",
        _WHOLE,
    )
    yield Timed(
        "20 days ago: counts by port",
        lambda reader: listeners.ports_at(reader, everything, at),
        f"SELECT port, protocol, count(*), count(DISTINCT host_id) FROM {then} GROUP BY 1, 2",
        _WHOLE,
    )
    yield Timed(
        "20 days ago: counts by host",
        lambda reader: listeners.hosts_at(reader, everything, at),
        f"SELECT host_id, count(*) FROM {then} GROUP BY 1",
        _WHOLE,
    )


def _of_activity(now: int) -> Iterator[Timed]:
    since = now - 30 * _DAY
    by = (
        "SELECT at - at %% {size}, kind, count(*) FROM event WHERE at >= {since} {of} GROUP BY 1, 2"
    )
    hour, day = 3_600_000_000, _DAY
    yield Timed(
        "30 days by the hour",
        lambda reader: activity.by_hour(reader, since, now),
        by.format(size=hour, since=since, of=""),
    )
    yield Timed(
        "30 days by the day",
        lambda reader: activity.by_day(reader, since, now),
        by.format(size=day, since=since, of=""),
    )
    yield Timed(
        "30 days by the hour: a port",
        lambda reader: activity.by_hour(reader, since, now, 520),
        by.format(size=hour, since=since, of="AND port = 520"),
    )
    yield Timed(
        "30 days by the day: a port",
        lambda reader: activity.by_day(reader, since, now, 520),
        by.format(size=day, since=since, of="AND port = 520"),
    )
    yield Timed(
        "busiest ports of 30 days",
        lambda reader: activity.busiest_ports(reader, since, now),
        f"SELECT port, protocol, count(*) AS n FROM event WHERE at >= {since}"
        " GROUP BY 1, 2 ORDER BY n DESC LIMIT 20",
    )
    yield Timed(
        "ports first seen since yesterday",
        lambda reader: new_ports(reader, now - _DAY),
        "SELECT port, protocol, min(at) FROM event WHERE kind = 'opened' GROUP BY 1, 2"
        f" HAVING min(at) >= {now - _DAY}",
    )
