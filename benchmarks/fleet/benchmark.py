"""Speed of shipping a host, and times of questions, of one host's page and over many hosts."""

import argparse
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from benchmarks.fleet.fleet_questions import over_many_hosts
from benchmarks.history.questions import Asked, asked
from benchmarks.machine import quantile, ratio
from benchmarks.postgres_server import BINARIES, cluster
from benchmarks.report import Cell, Check, Report, Table
from benchmarks.seed import add_scale, scale_of, seed
from porteye_core.store import engine
from porteye_core.store.file.connection import open_connection
from porteye_core.store.file.lock import WriterLock
from porteye_core.store.fleet.enrolment import enrol
from porteye_core.store.fleet.host_connection import HostConnection, open_host
from porteye_core.store.fleet.migrations import migrate
from porteye_core.store.fleet.server import connect
from porteye_core.store.fleet.shipper import Shipper
from porteye_core.store.reading import event_counts

_BACKLOG = 5_000  # events a second
_SMALL = 6  # events in the batch of an interval
_SERVER_MS = 3.0  # CPU of the server for it
_KEPT = (
    "host_id, protocol, family, address, port, netns, inode, fd, uid, user, process_id, program_id"
)
_SLOWER = 5.0  # a page through the fleet, beside the host's own database


def add_flags(flags: argparse.ArgumentParser) -> None:
    """Sizes of the histories, and repetitions."""
    flags.add_argument("--db", type=Path, help="kept, and used again if it exists")
    add_scale(flags, events=300_000)
    flags.add_argument("--rounds", type=int, default=20)
    flags.add_argument("--batches", type=int, default=300, help="small batches that are timed")
    flags.add_argument("--hosts", type=int, default=100, help="hosts of the questions over many")
    flags.add_argument("--fleet-events", type=int, default=1_000_000, help="their events")


def run(options: argparse.Namespace) -> Report:
    """Ship a seeded history to a server of its own, then ask both every question."""
    if BINARIES is None:
        return Report((), skipped={"fleet": "no PostgreSQL server is installed"})
    # A file that no monitor holds would be checked for damage after each change.
    with _database(options) as db, WriterLock(db, 0), cluster() as running:
        with connect(running.address) as server:
            migrate(server)
            address = enrol(server, "host")
            with connect(address) as agent:
                bulk = _ship_all(Shipper(db, agent))
                size = _bytes_of_events(server)
                small = _small_batches(db, Shipper(db, agent), running.folder, options.batches)
            server.execute("VACUUM ANALYZE")
        questions = _questions(db, running.address, options.rounds)
    shipping = Table(
        f"Shipping of {bulk[0]:,} events, one connection",
        ("what", "value"),
        (
            ("events a second", bulk[0] / bulk[1]),
            ("bytes of an event at the server, with indexes", size / bulk[0]),
            *small,
        ),
    )
    over_hosts, check = over_many_hosts(options.hosts, options.fleet_events, options.rounds)
    checks = (*_checks(bulk, small, questions), check)
    return Report((shipping, questions, over_hosts), checks)


@contextmanager
def _database(options: argparse.Namespace) -> Iterator[Path]:
    with TemporaryDirectory(prefix="porteye-benchmark-") as folder:
        db = options.db or Path(folder) / "history.db"
        if not db.exists():
            seed(db, scale_of(options))
        yield db


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
        _happen(db)
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


def _happen(db: Path) -> None:
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
    before, began = _cpu(folder), time.perf_counter()
    ship()
    yield (time.perf_counter() - began) * 1000, (_cpu(folder) - before) * 1000


def _cpu(folder: Path) -> float:
    """Seconds of the processor that the processes of a server in this folder have used."""
    ticks = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(folder):
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
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
    bulk: tuple[int, float], small: tuple[tuple[str, Cell], ...], questions: Table
) -> Iterator[Check]:
    rate = bulk[0] / bulk[1]
    wanted = f"at least {_BACKLOG:,}"
    yield Check("events a second of a backlog", f"{rate:,.0f}", wanted, rate >= _BACKLOG)
    cpu = float(small[2][1] or 0)
    yield Check(
        f"server's CPU for {_SMALL} events",
        f"{cpu:.1f} ms",
        f"at most {_SERVER_MS:g} ms",
        cpu <= _SERVER_MS,
    )
    times = float(questions.rows[-1][-1] or 0)
    yield Check(
        "one host's page beside its own database",
        f"{times:.1f} times",
        f"at most {_SLOWER:g} times",
        times <= _SLOWER,
    )
