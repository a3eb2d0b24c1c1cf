"""Where simulated days are written to: PortEye's store, and the obvious table beside it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from benchmarks.growing.days import BEGAN, Change, SamplingTick
from benchmarks.seeding.places import OWN_NETNS
from benchmarks.seeding.scale import SECOND
from benchmarks.seeding.usage import BEAT
from porteye_core.model import (
    AttributedSocket,
    Listener,
    Precision,
    RetentionPolicy,
    Sample,
    Tick,
    WatchPlan,
)
from porteye_core.store.tables.host_row import Host
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer

_HOST = Host("workstation", "simulated", "Linux", 16 << 30, OWN_NETNS, "boot", BEGAN - SECOND)
_PLAN = WatchPlan("simulated", SECOND, BEAT)
_BACKLOG = 128

_PEER = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE snapshot (
    at TEXT, protocol TEXT, address TEXT, port INTEGER, pid INTEGER, name TEXT, user TEXT,
    command TEXT, cpu REAL, rss INTEGER, clients INTEGER, backlog INTEGER
);
CREATE INDEX snapshot_at ON snapshot (at);
CREATE INDEX snapshot_port ON snapshot (port, at);
"""


class Store(Protocol):
    """What takes one tick after the other, each written to the disk."""

    def take(self, tick: SamplingTick) -> None:
        """Write it, and what changed before it."""


class PortEye:
    """The writer, fed as the monitor feeds it: each change as it comes, then the tick."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._known: dict[int, Listener] = {}

    def take(self, sampling: SamplingTick) -> None:
        """Write it, then tidy as the scans of the ten seconds after it do."""
        for change in sampling.changes:
            self._record(change)
        samples = [
            Sample(self._known[number].id, use.cpu, use.rss, use.clients, 0, _BACKLOG)
            for number, use in sampling.uses.items()
        ]
        clients = sum(use.clients for use in sampling.uses.values())
        tick = Tick(sampling.at, sampling.at - BEGAN, len(samples), clients, scan_us=900, hidden=1)
        self._writer.record_tick(tick, samples)
        for now in range(sampling.at, sampling.at + BEAT, SECOND):
            self._tidy(now)

    def _record(self, change: Change) -> None:
        at, number = change.at, change.number
        if change.owned is None:
            gone = Closing(self._known.pop(number), at, Precision.KERNEL)
            self._writer.record_changes(at, closed=[gone])
        else:
            came = Opening(change.owned, at, Precision.KERNEL)
            (self._known[number],) = self._writer.record_changes(at, opened=[came])

    def _tidy(self, now: int) -> None:
        self._writer.purge_step(now, now - BEGAN)


class RowPerTick:
    """A row of text for each listener at each tick, with an index by time and one by port."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._owned: dict[int, AttributedSocket] = {}

    def take(self, tick: SamplingTick) -> None:
        """Write its rows in one transaction; it has no events."""
        for change in tick.changes:
            if change.owned is None:
                del self._owned[change.number]
            else:
                self._owned[change.number] = change.owned
        at = datetime.fromtimestamp(tick.at / 1e6, UTC).isoformat()
        self._connection.execute("BEGIN")
        self._connection.executemany(
            f"INSERT INTO snapshot VALUES ({', '.join('?' * 12)})",
            [
                (at, *_text(self._owned[number]), use.cpu / 100, use.rss, use.clients, _BACKLOG)
                for number, use in tick.uses.items()
            ],
        )
        self._connection.execute("COMMIT")


def _text(owned: AttributedSocket) -> tuple[str | int | None, ...]:
    endpoint, owner = owned.socket.endpoint, owned.owner
    who = (owner.key.pid, owner.program.name) if owner else (None, None)
    command = owner.program.cmdline if owner else None
    return (endpoint.protocol, endpoint.address, endpoint.port, *who, owned.user, command)


@contextmanager
def porteye(db: Path, keep: RetentionPolicy) -> Iterator[PortEye]:
    """A new database of PortEye's, that keeps so much."""
    with open_writer(db, _HOST, BEGAN, keep) as writer:
        writer.begin_watch(BEGAN, _PLAN)
        yield PortEye(writer)


@contextmanager
def row_per_tick(db: Path) -> Iterator[RowPerTick]:
    """A new database with the one table, as durable as PortEye's."""
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.executescript(_PEER)
        yield RowPerTick(connection)
