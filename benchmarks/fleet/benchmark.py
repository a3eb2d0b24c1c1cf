"""Speed of shipping a host, and times of questions, of one host's page and over many hosts."""

import argparse
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from benchmarks.fleet.fleet_questions import SETTINGS, over_many_hosts
from benchmarks.fleet.page_views import page_views
from benchmarks.fleet.shipping_at_once import ship_at_once
from benchmarks.history.questions import Asked, asked
from benchmarks.machine import quantile, ratio
from benchmarks.postgres_server import BINARIES, cluster
from benchmarks.report import Cell, Check, Report, Table
from benchmarks.seed import add_scale, scale_of, seed
from porteye_core.store import engine
from porteye_core.store.file.connection import open_connection
from porteye_core.store.file.lock import WriterLock
from porteye_core.store.fleet.administration.enrolment import enrol
from porteye_core.store.fleet.administration.migrations import migrate
from porteye_core.store.fleet.host_connection import HostConnection, open_host
from porteye_core.store.fleet.server import connect
from porteye_core.store.fleet.shipping.shipper import Shipper
from porteye_core.store.reading import event_counts

_BACKLOG = 5_000  # events a second
_ROWS = 10_000  # rows a second
_SMALL = 6  # events in the batch of an interval
_SERVER_MS = 3.0  # CPU of the server for it
_KEPT = (
    "host_id, protocol, family, address, port, netns, inode, fd, uid, user, process_id, program_id"
)
_DAY = 86_400_000_000


def add_flags(flags: argparse.ArgumentParser) -> None:
    """Sizes of the histories, and repetitions."""
    flags.add_argument("--db", type=Path, help="kept, and used again if it exists")
    add_scale(flags, events=300_000)
    flags.add_argument("--rounds", type=int, default=20)
    flags.add_argument("--batches", type=int, default=300, help="small batches that are timed")
    flags.add_argument("--at-once", type=int, default=8, help="hosts that ship at the same time")
    flags.add_argument("--at-once-events", type=int, default=50_000, help="of each of them")
    flags.add_argument("--hosts", type=int, default=100, help="hosts of the questions over many")
    flags.add_argument("--fleet", type=Path, help="a folder: they are kept there, and used again")
    flags.add_argument("--fleet-events", type=int, default=1_000_000, help="their events")


def run(options: argparse.Namespace) -> Report:
    """Ship a seeded history to a server of its own, then ask both every question."""
    if BINARIES is None:
        return Report((), skipped={"fleet": "no PostgreSQL server is installed"})
    # A file that no monitor holds would be checked for damage after each change.
    with (
        _database(options) as (db, small_db),
        WriterLock(db, 0),
        cluster(access=SETTINGS) as running,
    ):
        with connect(running.address) as server:
            migrate(server)
            _keep(server, options.days)
            address = enrol(server, "host")
            with connect(address) as agent:
                before = cpu_of(running.folder)
                bulk = _ship_all(Shipper(db, agent))
                worked = cpu_of(running.folder) - before
                rows = _rows_of(server, "host")
                size = _bytes_of_events(server)
                small = _small_batches(db, Shipper(db, agent), running.folder, options.batches)
            server.execute("VACUUM ANALYZE")
        questions = _questions(db, running.address, options.rounds)
        views, view_check = page_views(
            db, running.address, "host", options.rounds, lambda: cpu_of(running.folder)
        )
        many = ship_at_once(small_db, running.address, options.at_once)
        with connect(running.address) as server:
            many_rows = _rows_of(server, "at-once-%")
    shipping = Table(
        f"Shipping of {bulk[0]:,} events in {options.days} days, one connection",
        ("what", "value"),
        (
            ("events a second", bulk[0] / bulk[1]),
            ("rows a second", rows / bulk[1]),
            ("rows for a second of the server's CPU", rows / max(worked, 0.01)),
            (f"events a second of {options.at_once} hosts at once", many[0] / many[1]),
            (f"rows a second of {options.at_once} hosts at once", many_rows / many[1]),
            ("bytes of an event at the server, with indexes", size / bulk[0]),
            *small,
        ),
    )
    over_hosts, more = over_many_hosts(
        options.hosts, options.fleet_events, options.rounds, options.fleet
    )
    rates = {"one host": rows / bulk[1], f"{options.at_once} hosts": many_rows / many[1]}
    checks = (*_checks(bulk, rates, small), view_check, *more)
    return Report((shipping, views, questions, over_hosts), checks)


@contextmanager
def _database(options: argparse.Namespace) -> Iterator[tuple[Path, Path]]:
    """The history of a host, and that of each of those that ship at once."""
    with TemporaryDirectory(prefix="porteye-benchmark-") as folder:
        db, small_db = options.db or Path(folder) / "history.db", Path(folder) / "small.db"
        if not db.exists():
            seed(db, scale_of(options))
        seed(small_db, replace(scale_of(options), events=options.at_once_events))
        yield db, small_db


def _keep(server: psycopg.Connection[Any], days: int) -> None:
    """Keep the whole history, in partitions that were made before it comes."""
    server.execute("UPDATE fleet.setting SET kept_from = 0, keep = %s", ((days + 30) * _DAY,))
    server.execute(
        "SELECT fleet.make_partitions(fleet.now_us() - %s, fleet.now_us())", (days * _DAY,)
    )


def _rows_of(server: psycopg.Connection[Any], hosts: str) -> int:
    """The rows that hosts of these names have shipped today."""
    row = server.execute(
        "SELECT sum(shipped_rows)::bigint FROM fleet.host WHERE name LIKE %s", (hosts,)
    ).fetchone()
    assert row is not None
    return int(row[0])


def _ship_all(shipper: Shipper) -> tuple[int, float]:
    """The number of events, and the seconds."""
    began, events = time.perf_counter(), 0
    while True:
        shipped = shipper.ship()
        events += shipped.events
        if shipped.is_last:
            return events, time.perf_counter() - began


def _bytes_of_events(server: psycopg.Connection[Any]) -> int:
    row = server.execute(
        "SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits"
        " WHERE inhparent = 'fleet.event'::regclass"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _small_batches(
    db: Path, shipper: Shipper, folder: Path, count: int
) -> tuple[tuple[str, Cell], ...]:
    """Batches of some events, and beats without news, on a connection that is kept."""
    shipper.ship()
    took, worked = list[float](), list[float]()
    for _ in range(count):
        add_lives(db)
        for results in _measured(shipper.ship, folder):
            took.append(results[0])
            worked.append(results[1])
    beats = [each for _ in range(count) for each, _ in _measured(shipper.ship, folder)]
    return (
        (f"{_SMALL} events, ms at p50", quantile(took, 0.5)),
        (f"{_SMALL} events, ms at p95", quantile(took, 0.95)),
        (f"{_SMALL} events, ms of the server's CPU", sum(worked) / count),
        ("a beat without news, ms at p50", quantile(beats, 0.5)),
    )


def add_lives(db: Path) -> None:
    """Lives that begin and end, of places that are open; each has two events."""
    with closing(sqlite3.connect(db)) as connection, connection:
        (newest,) = connection.execute("SELECT max(id) FROM listener").fetchone()
        connection.execute(
            f"INSERT INTO listener ({_KEPT}, id, opened_at, closed_at, opened_seen, closed_seen)"
            f" SELECT {_KEPT}, (SELECT max(id) FROM listener) + row_number() OVER (),"
            " (SELECT max(at) FROM event) + 1, (SELECT max(at) FROM event) + 2, 'poll', 'poll'"
            " FROM (SELECT * FROM listener WHERE closed_at IS NULL LIMIT ?)",
            (_SMALL // 2,),
        )
        for kind in ("opened", "closed"):
            connection.execute(
                "INSERT INTO event (host_id, at, kind, seen, listener_id, port, program_id)"
                f" SELECT host_id, {kind}_at, '{kind}', 'poll', id, port, program_id"
                " FROM listener WHERE id > ?",
                (newest,),
            )


def _measured(ship: Callable[[], Any], folder: Path) -> Iterator[tuple[float, float]]:
    before, began = cpu_of(folder), time.perf_counter()
    ship()
    yield (time.perf_counter() - began) * 1000, (cpu_of(folder) - before) * 1000


def cpu_of(folder: Path) -> float:
    """Seconds of the processor that the processes of a server in this folder have used."""
    ticks = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(folder):
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                # Its own and those of its processes that have ended.
                ticks += sum(map(int, fields[11:15]))
        except OSError:  # it has ended, or is another user's
            continue
    return ticks / os.sysconf("SC_CLK_TCK")


def _questions(db: Path, address: str, rounds: int) -> Table:
    with open_connection(db) as own, open_host(address, 1) as fleet:
        rows = list[tuple[Cell, ...]]()
        for each in asked(own, db):
            at_home = _timed(each, own, rounds)
            there = _timed(each, fleet, rounds)
            rows.append(
                (
                    each.name,
                    quantile(at_home, 0.5),
                    quantile(there, 0.5),
                    quantile(there, 0.95),
                    ratio(quantile(there, 0.5), quantile(at_home, 0.5)),
                )
            )
    sums = [sum(float(row[place] or 0) for row in rows) for place in (1, 2, 3)]
    rows.append(("all of them", *sums, ratio(sums[1], sums[0])))
    columns = ("question", "SQLite p50 ms", "fleet p50 ms", "fleet p95 ms", "times")
    return Table(f"Questions of one host's page, {rounds} rounds", columns, tuple(rows))


def _timed(question: Asked, connection: engine.Connection, rounds: int) -> list[float]:
    """The milliseconds of each round, in which no sums are known yet."""
    took = []
    for _ in range(rounds):
        event_counts.forget()
        if isinstance(connection, HostConnection):
            connection.execute("ROLLBACK")
            connection.execute("BEGIN")
        began = time.perf_counter()
        question.ask(connection)
        took.append((time.perf_counter() - began) * 1000)
    return took


def _checks(
    bulk: tuple[int, float], rates: dict[str, float], small: tuple[tuple[str, Cell], ...]
) -> Iterator[Check]:
    rate = bulk[0] / bulk[1]
    wanted = f"at least {_BACKLOG:,}"
    yield Check("events a second of a backlog", f"{rate:,.0f}", wanted, rate >= _BACKLOG)
    for who, many in rates.items():
        is_met = many >= _ROWS
        yield Check(f"rows a second of {who}", f"{many:,.0f}", f"at least {_ROWS:,}", is_met)
    cpu = float(small[2][1] or 0)
    yield Check(
        f"server's CPU for {_SMALL} events",
        f"{cpu:.1f} ms",
        f"at most {_SERVER_MS:g} ms",
        cpu <= _SERVER_MS,
    )
