"""Thousands of hosts at one server: what a batch, a host's day and a restart take of it."""

import argparse
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.fleet.benchmark import add_lives, cpu_of
from benchmarks.fleet.many_logins import enrol_many, look_each, ship_all_of_each, ship_each
from benchmarks.fleet.storm import Storm, storm
from benchmarks.machine import quantile
from benchmarks.postgres_server import BINARIES, Access, Cluster, cluster
from benchmarks.report import Cell, Check, Report, Table
from benchmarks.seed import seed
from benchmarks.seeding.scale import Scale
from porteye_core.store.file.lock import WriterLock
from porteye_core.store.fleet.administration.enrolment import enrol
from porteye_core.store.fleet.administration.migrations import migrate
from porteye_core.store.fleet.server import connect

_DAY = 86_400
_KEPT = 90  # days
_EVENTS = 2_000  # of a host in a day
_LISTENERS = 50
_BATCHES = 1_440  # of a host in a day: with --interval 60, one a minute
_HELD = 0.1  # seconds of a connection for one batch
_WORKERS = 8
_LOGINS = 50  # that are timed
_BACK = 60.0  # seconds after which each host has to be back
# What a host adds to each day. Programs are shared, and the rest is as large as the host.
_TABLES = ("event", "life", "process", "rollup", "activity", "turnover")
_SIZES = """
SELECT coalesce(p.relname, c.relname), sum(pg_total_relation_size(c.oid))::bigint
FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
LEFT JOIN pg_class p ON p.oid = i.inhparent
WHERE c.relnamespace = 'fleet'::regnamespace AND c.relkind = 'r' GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """What was measured: milliseconds of the server's CPU, bytes of a host's day at the server by
    table, and bytes of its log for that day."""

    batch: float
    look: float
    login: float
    sizes: dict[str, float]
    log: float

    @property
    def day(self) -> float:
        """Bytes of a host's day in all tables."""
        return sum(self.sizes.values())


def add_flags(flags: argparse.ArgumentParser) -> None:
    """Numbers of hosts."""
    flags.add_argument("--hosts", type=int, default=2_000, help="that are enrolled and ship")
    flags.add_argument("--days", type=int, default=50, help="further ones that ship a whole day")
    flags.add_argument("--storm", type=int, default=300, help="further ones that come back at once")


def run(options: argparse.Namespace) -> Report:
    """Measure with so many hosts, and multiply for ten and a hundred thousand."""
    if BINARIES is None:
        return Report((), skipped={"fleet-sizes": "no PostgreSQL server is installed"})
    pid = os.getpid()
    address = f"127.{1 + (pid >> 16)}.{pid >> 8 & 255}.{pid & 255}"  # of this process alone
    access = Access(
        address,
        ("host all all 127.0.0.0/8 scram-sha-256",),
        (f"max_connections={options.storm + 50}", "shared_buffers=512MB", "max_wal_size=4GB"),
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="porteye-benchmark-")))
        small, day = folder / "small.db", folder / "day.db"
        seed(small, Scale(1, 10, 20, 1, 0.0, watching=False))
        seed(day, Scale(1, _LISTENERS, _EVENTS, 1, 1.0, watching=False))
        # A file that no monitor holds would be checked for damage after each change.
        for db in (small, day):
            stack.enter_context(WriterLock(db, 0))
        running = stack.enter_context(cluster(access=access))
        reached = f"host={address} sslmode=disable"
        taken = _measure(running, reached, small, day, options)
        came = storm(running, reached, small, options.storm)
    late = sum(at > _BACK for at in came.back)
    check = Check(
        f"of {options.storm:,} hosts, back after {_BACK:g} s", f"{late} late", "none", late == 0
    )
    return Report((_measured(taken, came, options), _multiplied(taken)), (check,))


def _measure(
    running: Cluster, reached: str, small: Path, day: Path, options: argparse.Namespace
) -> Taken:
    hosts = range(1, options.hosts + 1)
    with connect(running.address) as server:
        migrate(server)
    enrol_many(running.address, options.hosts + options.days)

    def spent(act: Callable[[], None], count: int) -> float:
        before = cpu_of(running.folder)
        act()
        return (cpu_of(running.folder) - before) * 1000 / count

    # Before there are rows that autovacuum would look through meanwhile.
    login = spent(lambda: _log_in(running, reached), _LOGINS)
    ship_each(running.address, small, hosts)
    add_lives(small)
    batch = spent(lambda: ship_each(running.address, small, hosts), len(hosts))
    look = spent(lambda: look_each(running.address, small, hosts), len(hosts))
    before, log = _sizes(running), _log(running)
    of_a_day = range(options.hosts + 1, options.hosts + options.days + 1)
    ship_all_of_each(running.address, day, of_a_day)
    after = _sizes(running)
    grown = {table: (after[table] - before[table]) / options.days for table in _TABLES}
    return Taken(batch, look, login, grown, (_log(running) - log) / options.days)


def _log_in(running: Cluster, reached: str) -> None:
    with connect(running.address) as server:
        login = enrol(server, "login", reached)
    for _ in range(_LOGINS):
        connect(login).close()


def _sizes(running: Cluster) -> dict[str, int]:
    """Bytes of each table with its indexes, partitions together."""
    with connect(running.address) as server:
        server.execute("CHECKPOINT")
        return {str(table): int(size) for table, size in server.execute(_SIZES)}


def _log(running: Cluster) -> int:
    """Bytes of the log that a standby or an archive would get."""
    with connect(running.address) as server:
        row = server.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
    assert row is not None
    return int(row[0])


def _measured(taken: Taken, came: Storm, options: argparse.Namespace) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (f"a batch of six events, {options.hosts:,} hosts, ms of the server's CPU", taken.batch),
        ("a look in vain, ms of the server's CPU", taken.look),
        ("a login by SCRAM without TLS, ms of the server's CPU", taken.login),
        *((f"{table}, bytes of a host's day", size) for table, size in taken.sizes.items()),
        ("all of these, bytes of a host's day", taken.day),
        ("log of the server, bytes of a host's day", taken.log),
        (f"server killed: {options.storm:,} hosts, s until it answered", came.away),
        ("s until half of them had shipped again", quantile(came.back, 0.5)),
        ("s until all had", max(came.back)),
        ("connections refused or broken meanwhile", came.refused),
    ]
    title = f"A host with {_EVENTS:,} events a day and {_LISTENERS} open listeners"
    return Table(title, ("what", "value"), tuple(rows))


def _multiplied(taken: Taken) -> Table:
    """The same for many hosts that look once a minute: what was measured, multiplied."""

    def of(hosts: int) -> tuple[float, ...]:
        batches = hosts * _BATCHES / _DAY
        return (
            hosts * _EVENTS / _DAY,
            batches,
            batches * (taken.batch + taken.login) / 1000,
            hosts * taken.day / 1e9,
            hosts * taken.day * _KEPT / 1e12,
            hosts * _EVENTS * _KEPT / 1e9,
            hosts * taken.log / _DAY / 1e6,
            batches * _HELD,
        )

    names = (
        "events a second",
        "batches and logins a second",
        "cores of the server for them",
        "GB a day",
        f"TB for {_KEPT} days",
        f"billion events in {_KEPT} days",
        "MB of log a second",
        "connections at a time, each for 0.1 s",
    )
    one, many = of(10_000), of(100_000)
    rows = tuple(
        (name, here, there, there / _WORKERS)
        for name, here, there in zip(names, one, many, strict=True)
    )
    columns = ("what", "10,000 hosts", "100,000 hosts", f"each of {_WORKERS} servers")
    return Table("Multiplied, for hosts that look once a minute", columns, rows)
