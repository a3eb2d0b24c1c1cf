"""Make a database with a long realistic history, for the other benchmarks and for screenshots."""

import argparse
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from benchmarks.report import Report, Table
from benchmarks.seeding import history, places, usage
from benchmarks.seeding.identities import write_owners
from benchmarks.seeding.lives import Crowd, lives
from benchmarks.seeding.places import OWN_NETNS, Place
from benchmarks.seeding.scale import Scale
from benchmarks.seeding.watches import watches
from porteye_core.store.file import migrations
from porteye_core.store.file.ownership import create_private
from porteye_core.store.retention.packing import Packing
from porteye_core.store.tables.host_row import machine_id

_MEMORY = 16 << 30


def add_flags(flags: argparse.ArgumentParser) -> None:
    """Where, and how much."""
    flags.add_argument("--db", type=Path, required=True, help="a file that does not exist yet")
    add_scale(flags, events=1_000_000)
    flags.add_argument("--watching", action="store_true", help="the last watch has not ended")


def add_scale(flags: argparse.ArgumentParser, events: int) -> None:
    """How much history; shared by the benchmarks that seed a database of their own."""
    flags.add_argument("--days", type=int, default=30)
    flags.add_argument("--listeners", type=int, default=200, help="open at the end")
    flags.add_argument("--events", type=int, default=events)
    flags.add_argument("--seed", type=int, default=1, help="the same seed, the same history")
    flags.add_argument("--sample-days", type=float, default=2, help="days with samples")


def scale_of(options: argparse.Namespace, *, watching: bool = False) -> Scale:
    """The scale that these flags ask for."""
    return Scale(
        options.days,
        options.listeners,
        options.events,
        options.seed,
        options.sample_days,
        watching,
    )


def run(options: argparse.Namespace) -> Report:
    """Make it, and count what is in it."""
    began = time.perf_counter()
    seed(options.db, scale_of(options, watching=options.watching))
    took = time.perf_counter() - began
    size = options.db.stat().st_size / 1e6
    with closing(sqlite3.connect(options.db)) as connection:
        counts = [(name, _count(connection, name)) for name in _tables(connection)]
    title = f"{options.db}: {size:,.0f} MB in {took:.0f} s"
    return Report((Table(title, ("table", "rows"), tuple(counts)),))


def _tables(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    )
    return [name for (name,) in found]


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def seed(db: Path, scale: Scale, now: int | None = None) -> None:
    """Make a database whose history ends now, in microseconds; FileExistsError if there is one."""
    if db.exists():
        raise FileExistsError(f"{db} exists already. Choose another name, or remove it.")
    until = time.time_ns() // 1000 if now is None else now
    create_private(db)
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.executescript(
            f"PRAGMA page_size = {migrations.PAGE_SIZE};"
            "PRAGMA auto_vacuum = INCREMENTAL;"
            f"PRAGMA application_id = {migrations.APPLICATION_ID};"
            # Nothing that is made here is worth a sync: what fails is made again.
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -400000;"
        )
        connection.executescript(f"{migrations.STEPS[0]} PRAGMA user_version = 1")
        _fill(connection, scale, until)
        connection.executescript("PRAGMA journal_mode = WAL")


def _fill(connection: sqlite3.Connection, scale: Scale, now: int) -> None:
    draws, rng = random.Random(scale.seed), np.random.default_rng(scale.seed)
    standing = places.standing(scale.listeners, draws)
    busy, passing = places.busy(), places.passing(scale.pairs, draws)
    everything = [*standing, *busy, *passing]
    watched = watches(scale, now)
    found = lives(scale, _crowd(standing, busy, passing), watched, rng)
    connection.execute(
        # This machine: of another one the page shows nothing as open.
        "INSERT INTO host VALUES (1, 'workstation', ?, 'Linux', ?, ?, 'boot', ?)",
        (machine_id(), _MEMORY, OWN_NETNS, int(watched.begins[0]) - 60_000_000),
    )
    with _indexed_afterwards(connection):
        connection.execute("BEGIN")
        history.write_watches(connection, watched, scale)
        owners = write_owners(connection, everything, found)
        history.write_listeners(connection, everything, found, owners, watched)
        history.write_holders(connection, everything, found, owners)
        history.write_events(connection, found, owners)
        ticks = usage.write_ticks(connection, scale, watched)
        is_open = np.flatnonzero(found.closed == 0)
        usage.write_samples(connection, ticks, is_open + 1, found.opened[is_open], rng)
        connection.execute("COMMIT")
    migrations.migrate(connection)  # fills what the monitor counts as it writes
    lasting = np.flatnonzero((found.closed == 0) | (found.closed - found.opened > usage.LASTING))
    connection.execute("BEGIN")
    usage.write_own(connection)
    usage.write_rollups(connection, now, lasting + 1, found.opened[lasting], found.closed[lasting])
    connection.execute("COMMIT")
    for _ in Packing(connection).round(now):
        pass


def _crowd(standing: list[Place], busy: list[Place], passing: list[Place]) -> Crowd:
    endpoints = {place.endpoint: 0 for place in (*standing, *busy, *passing)}
    numbers = {endpoint: number for number, endpoint in enumerate(endpoints)}
    return Crowd(
        len(standing),
        len(busy),
        len(passing),
        np.array([numbers[place.endpoint] for place in (*standing, *busy, *passing)]),
        np.array([i for i, place in enumerate(standing) if place.is_recent], dtype=np.int64),
    )


@contextmanager
def _indexed_afterwards(connection: sqlite3.Connection) -> Iterator[None]:
    """Without its indexes a table takes rows several times faster."""
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    yield
    for _, statement in indexes:
        connection.execute(statement)
