"""The only writes: what a beat saw goes into the database in one transaction."""

import json
import os
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

from porteye_core import __version__
from porteye_core.errors import StoreError
from porteye_core.model import FOR_EVER, Keep, Listener, Owned, Sample, Tick, WatchPlan
from porteye_core.store import counts
from porteye_core.store.dead_band import DeadBand
from porteye_core.store.identities import Identities
from porteye_core.store.lives import Closing, Event, Lives, Opening, listener_of
from porteye_core.store.retention import Retention
from porteye_core.store.rollups import Rollups
from porteye_core.store.transaction import transaction

__all__ = ["Closing", "Opening", "Writer", "listener_of"]


class Writer:
    """Writes watches, beats and what changed; every method is one transaction.

    Raises StoreError when the database does not take it, and then nothing of it is stored.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        host_id: int,
        db: Path,
        *,
        rebooted: bool = False,
        keep: Keep = FOR_EVER,
    ) -> None:
        """`rebooted`: what was open when a monitor last looked ended with the boot before."""
        self.rebooted = rebooted
        self._connection = connection
        self._db, self._file = db, _file(db)
        self._host = host_id
        self.booted_at: int = connection.execute(
            "SELECT booted_at FROM host WHERE id = ?", (host_id,)
        ).fetchone()[0]
        self._identities = Identities(connection, host_id)
        self._lives = Lives(connection, host_id, self._identities)
        self._rollups = Rollups(connection)
        self._retention = Retention(connection, keep, self._identities)
        self._dead_band = DeadBand(beat_us=0)
        self._watch = 0

    def open_listeners(self) -> dict[int, Listener]:
        """The listeners that were open when a monitor last looked."""
        return self._lives.open_ones()

    def begin_watch(self, at: int, plan: WatchPlan) -> None:
        """Start a watch; what is recorded from now on belongs to it."""
        with self._transaction():
            cursor = self._connection.execute(
                "INSERT INTO watch (host_id, started_at, seen_at, source, limits, interval,"
                " sample_interval, pid, version, why) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    self._host,
                    at,
                    at,
                    plan.source,
                    json.dumps([asdict(limit) for limit in plan.limits]),
                    plan.interval_us,
                    plan.sample_interval_us,
                    os.getpid(),
                    __version__,
                    plan.why,
                ),
            )
            self._watch = cursor.lastrowid or 0
        self._dead_band = DeadBand(plan.sample_interval_us)

    def end_watch(self, at: int) -> None:
        """End the watch cleanly."""
        with self._transaction():
            self._connection.execute(
                "UPDATE watch SET seen_at = max(seen_at, ?), stopped_at = ? WHERE id = ?",
                (at, at, self._watch),
            )
            self._rollups.fold()

    def record_changes(
        self,
        at: int,
        opened: Sequence[Opening] = (),
        closed: Sequence[Closing] = (),
        reowned: Sequence[tuple[Listener, Owned]] = (),
    ) -> tuple[Listener, ...]:
        """Store what one look changed, with an event for each; returns the opened listeners."""
        with self._transaction():
            events = [self._lives.end(closing) for closing in closed]
            for listener, owned in reowned:
                if learnt := self._lives.learn(listener.id, owned):
                    counts.move(self._connection, learnt)
            born = []
            for opening in opened:
                listener, its_events = self._lives.begin(opening)
                born.append(listener)
                events += its_events
            self._record(events)
            self._seen(at)
        self._dead_band.forget(closing.listener.id for closing in closed)
        return tuple(born)

    def _record(self, events: list[Event]) -> None:
        events.sort(key=lambda event: event.at)
        self._connection.executemany(
            "INSERT INTO event (host_id, at, kind, seen, listener_id, port, program_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(self._host, e.at, e.kind, e.seen, e.listener, e.port, e.program) for e in events],
        )
        counts.add(self._connection, events)

    def record_tick(self, tick: Tick, samples: Sequence[Sample]) -> None:
        """Store one sampling beat, and of the samples of what it observed those that moved."""
        if _file(self._db) != self._file:
            raise StoreError(
                f"The database {self._db} was deleted or replaced while it was in use.",
                "Start the monitor again: it makes a new one.",
            )
        moved = self._dead_band.moved(tick.at, samples)
        with self._transaction():
            number = self._tick(tick)
            self._connection.executemany(
                "INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (number, s.listener_id, s.cpu, s.rss, s.clients, s.queue, s.backlog)
                    for s in moved
                ],
            )
            self._rollups.add(tick.at, samples)
            self._seen(tick.at)
        self._dead_band.remember(tick.at, moved)
        if tick.jump:
            self._retention.distrust(tick.monotonic)

    def drop_some(self, now: int, elapsed: int) -> None:
        """One small step, of a few hundredths of a second, towards keeping no more than is wanted;
        none if nothing is due. `elapsed`: of the clock that never steps, microseconds."""
        self._retention.step(now, elapsed)

    def _tick(self, tick: Tick) -> int | None:
        return self._connection.execute(
            "INSERT INTO tick (at, monotonic, watch_id, listeners, clients, scan_us, hidden,"
            " lost, gap, jump, left_out, cpu, rss, size)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                tick.at,
                tick.monotonic,
                self._watch,
                tick.listeners,
                tick.clients,
                tick.scan_us,
                tick.hidden,
                tick.lost,
                tick.gap,
                tick.jump,
                tick.left_out,
                *(tick.cpu, tick.rss, tick.size),
            ),
        ).lastrowid

    def _seen(self, at: int) -> None:
        self._connection.execute(
            "UPDATE watch SET seen_at = max(seen_at, ?) WHERE id = ?", (at, self._watch)
        )

    def _transaction(self) -> AbstractContextManager[None]:
        return transaction(self._connection, self._undone)

    def _undone(self) -> None:
        self._identities.forget()
        self._rollups.forget()


def _file(path: Path) -> tuple[int, int] | None:
    """What tells a file from another of its name; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
