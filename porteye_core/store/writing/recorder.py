"""Recorder: stores the writer's records as rows, a batch in one transaction."""

import json
import os
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from porteye_core import __version__
from porteye_core.errors import StoreReplaced, StoreUnwritable, StoreWalDeleted
from porteye_core.model import Limitation, Listener, RetentionPolicy, Sample, Tick, WatchPlan
from porteye_core.store.file.damage import explained
from porteye_core.store.file.held_wal import HeldWal
from porteye_core.store.file.ownership import beside, identity
from porteye_core.store.file.quarantine import clear_wal
from porteye_core.store.file.transaction import transaction
from porteye_core.store.retention.packing import Packing
from porteye_core.store.retention.purge_rounds import Retention, max_wal_size
from porteye_core.store.tables import event_counters
from porteye_core.store.tables.dead_band import DeadBand
from porteye_core.store.tables.listener_table import Event, ListenerTable
from porteye_core.store.tables.process_table import ProcessTable
from porteye_core.store.tables.usage_rollups import Rollups
from porteye_core.store.writing.write_records import (
    Begun,
    Changed,
    Ended,
    Named,
    Noted,
    Record,
    Sampled,
    SamplingTick,
)

_T = TypeVar("_T")

# Maximum wait of a write for another process that has the database locked, before its records stay
# in memory. A new connection has it from its pragmas.
_PATIENCE_MS = 1000


class Recorder:
    """A database file, opened for writing."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        db: Path,
        host: int,
        retention: RetentionPolicy,
        *,
        rebooted: bool,
    ) -> None:
        """rebooted: listeners open at the last scan ended with the boot before."""
        self.rebooted = rebooted
        self.booted_at: int = connection.execute(
            "SELECT booted_at FROM host WHERE id = ?", (host,)
        ).fetchone()[0]
        self._connection = connection
        self._path, self._file = db, identity(db)
        self._log, self._index = beside(db)
        # SQLite keeps both until it closes.
        self._beside = {path: identity(path) for path in (self._log, self._index)}
        self._host = host
        self._process_table = ProcessTable(connection, host)
        self._listener_table = ListenerTable(connection, host, self._process_table)
        self._rollups = Rollups(connection)
        self._retention = Retention(connection, retention, self._process_table)
        self._packing = Packing(connection)
        self._held_wal = HeldWal(connection, db, max_wal_size(retention))
        self.dead_band = DeadBand(tick_us=0)
        self.watch = 0
        self.latest_tick: int | None = None

    def open_listeners(self, kept: Callable[[Iterable[Listener]], _T]) -> _T:
        """Give the listeners that were open at the last scan to `kept`, and return its result.

        Raises StoreDamaged.
        """
        with explained(self._connection, "What was open cannot be read"):
            return kept(self._listener_table.open_ones())

    def next_id(self) -> int:
        """Id of the next listener."""
        return int(
            self._connection.execute("SELECT coalesce(max(id), 0) + 1 FROM listener").fetchone()[0]
        )

    def record(self, records: Iterable[Record]) -> None:
        """Store all records or none.

        Raises StoreReplaced, StoreUnwritable, StoreDamaged or, for a mistake, StoreError.
        """
        self._check_files()
        with (
            explained(self._connection, "The database did not take a write"),
            transaction(self._connection, self._undone),
        ):
            for record in records:
                self._store(record)

    @property
    def has_its_names(self) -> bool:
        """Tell that the database, its log and the log's index have not been deleted or replaced."""
        return identity(self._path) == self._file and self._lost() is None

    def _lost(self) -> Path | None:
        """Return the path of the log or index that was deleted or replaced, None if neither was."""
        return next((path for path, file in self._beside.items() if identity(path) != file), None)

    def _check_files(self) -> None:
        if identity(self._path) != self._file:
            raise StoreReplaced(f"The database {self._path} was deleted or replaced while in use.")
        if lost := self._lost():
            self._write_log_back(lost)
            raise StoreWalDeleted(f"{lost} was deleted or replaced while in use.")

    def _write_log_back(self, lost: Path) -> None:
        """Write all of the log into the database. Raises StoreUnwritable if a reader is in the
        way."""
        with explained(self._connection, "The log could not be written back"):
            (is_busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        if is_busy:
            raise StoreUnwritable(
                f"{lost} was deleted or replaced while in use, and a reader of the database keeps"
                " the log from being written back.",
                "End that reader.",
            )

    def go_on_from(self, before: "Recorder") -> None:
        """Go on with the watch of `before`, which had the same file open."""
        self.watch, self.latest_tick = before.watch, before.latest_tick
        self.dead_band = before.dead_band

    def _store(self, record: Record) -> None:
        match record:
            case Begun():
                self._begin(record.at, record.plan)
            case Changed():
                self._change(record)
            case SamplingTick():
                self._tick(record)
            case Sampled():
                self._sampled(record.at, record.samples)
            case Named():
                for container in record.containers:
                    self._process_table.containers.name(container)
            case Noted():
                self._note(record.limit)
            case Ended():
                self._end(record.at)

    def wait_for_others(self, *, patiently: bool) -> None:
        """Let a write wait a second for other processes, or fail at once."""
        self._connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS if patiently else 0}")

    def purge_step(self, now: int, elapsed: int) -> None:
        """Do one small step of retention, and one of packing. Raises StoreDamaged.

        While a reader keeps the WAL from being emptied, a step does nothing: it would free no
        space, and make the WAL larger.
        """
        if not self._held_wal.is_held:
            with explained(self._connection, "Old records could not be dropped"):
                self._retention.step(now, elapsed)
                if not self._retention.is_behind:
                    self._packing.step(now, elapsed)

    @property
    def is_behind(self) -> bool:
        """True if the next step of retention should come at once."""
        return self._retention.is_behind and not self._held_wal.is_held

    @property
    def limitations(self) -> tuple[Limitation, ...]:
        """Present limitations, which may end."""
        return tuple(filter(None, (self._held_wal.limit, self._retention.limit)))

    def measure(self, now: int, elapsed: int) -> Limitation | None:
        """Compare the sizes of the database and its WAL with their maxima.

        Returns the limitation to store when readers no longer keep the WAL from being emptied.
        Raises StoreError.
        """
        with explained(self._connection, "The WAL could not be written back"):
            self._retention.note_size(elapsed)
            return self._held_wal.check(now, elapsed)

    def close(self) -> None:
        """Close the file; the object must not be used afterwards."""
        self._connection.close()

    def close_nameless(self) -> None:
        """Close a file that was deleted, or whose name another one has, with all that was written
        in it. Raises StoreUnwritable if its log stays in the way of the next."""
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()
        with self._cleared(self._log):
            if identity(self._log) == self._beside[self._log]:
                clear_wal(self._log)

    def close_without_wal(self) -> None:
        """Close a file whose log or index was deleted or replaced, once the log is written back.

        What has their names now is not of this file: SQLite would read an old copy of the log into
        it, and take the index of a reader for that of the next log. A log that is not empty is
        kept under another name. Raises StoreUnwritable.
        """
        with self._cleared(self._log):  # at first, for the last connection deletes it
            if identity(self._log) != self._beside[self._log]:
                clear_wal(self._log)
        self._connection.close()
        for path in self._beside:
            with self._cleared(path):
                path.unlink()

    @contextmanager
    def _cleared(self, path: Path) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            pass
        except OSError as err:
            raise StoreUnwritable(
                f"{path} is in the way of the database: {err.strerror}.", "Delete it."
            ) from err

    def _begin(self, at: int, plan: WatchPlan) -> None:
        self.watch = (
            self._connection.execute(
                "INSERT INTO watch (host_id, started_at, seen_at, source, limits, interval,"
                " sample_interval, pid, version, why, unwatched)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce((SELECT unwatched +"
                " max(0, ? - coalesce(stopped_at, seen_at)) FROM watch ORDER BY id DESC LIMIT 1),"
                " 0))",
                (
                    self._host,
                    at,
                    at,
                    plan.source,
                    json.dumps([asdict(limit) for limit in plan.limitations]),
                    plan.interval_us,
                    plan.sample_interval_us,
                    os.getpid(),
                    __version__,
                    plan.why,
                    at,
                ),
            ).lastrowid
            or 0
        )
        for host, event in self._listener_table.end_elsewhere(at):
            self._record_events([event], host)
        self.dead_band = DeadBand(plan.sample_interval_us)

    def _end(self, at: int) -> None:
        self._connection.execute(
            "UPDATE watch SET seen_at = max(seen_at, ?), stopped_at = ? WHERE id = ?",
            (at, at, self.watch),
        )
        self._rollups.fold()

    def _note(self, limit: Limitation) -> None:
        self._connection.execute(
            "UPDATE watch SET limits = json_insert(limits, '$[#]', json(?)) WHERE id = ?",
            (json.dumps(asdict(limit)), self.watch),
        )

    def _change(self, change: Changed) -> None:
        events = [self._listener_table.end(closing) for closing in change.closed]
        for learnt in self._listener_table.learn(change.at, change.reowned):
            event_counters.move(self._connection, learnt)
        self._listener_table.lose_sight(change.unseen)
        self._listener_table.place(change.placed)
        self._retention.note_released(self._listener_table.take_released())
        for listener_id, opening in change.opened:
            events += self._listener_table.begin(listener_id, opening)
        self._record_events(events, self._host)
        self._seen(change.at)
        self.dead_band.forget(closing.listener.id for closing in change.closed)

    def _record_events(self, events: list[Event], host: int) -> None:
        events.sort(key=lambda event: event.at)
        self._connection.executemany(
            "INSERT INTO event (host_id, at, kind, seen, listener_id, port, program_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(host, e.at, e.kind, e.seen, e.listener, e.port, e.program) for e in events],
        )
        event_counters.add(self._connection, events)

    def _tick(self, sampling: SamplingTick) -> None:
        """Of the samples those that moved; all of them go into the rollups."""
        tick = sampling.tick
        self.latest_tick = self._store_tick(tick)
        self._sampled(tick.at, sampling.samples)
        self._seen(tick.at)
        if tick.gap:
            self._connection.execute(
                "UPDATE watch SET unwatched = unwatched + ? WHERE id = ?", (tick.gap, self.watch)
            )
        if tick.jump:
            self._retention.distrust(tick.monotonic)

    def _sampled(self, at: int, samples: Collection[Sample]) -> None:
        moved = self.dead_band.moved(at, samples)
        self._connection.executemany(
            "INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (self.latest_tick, s.listener_id, s.cpu, s.rss, s.clients, s.queue, s.backlog)
                for s in moved
            ),
        )
        self._rollups.add(at, samples)
        self.dead_band.remember(at, moved)

    def _store_tick(self, tick: Tick) -> int | None:
        values: Sequence[int | None] = (
            tick.at,
            tick.monotonic,
            self.watch,
            tick.listeners,
            tick.clients,
            tick.scan_us,
            tick.hidden,
            tick.lost,
            tick.gap,
            tick.jump,
            tick.left_out,
            tick.left_out_us,
            *(tick.cpu, tick.rss, tick.size),
        )
        return self._connection.execute(
            "INSERT INTO tick (at, monotonic, watch_id, listeners, clients, scan_us, hidden,"
            " lost, gap, jump, left_out, left_out_us, cpu, rss, size)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        ).lastrowid

    def _seen(self, at: int) -> None:
        self._connection.execute(
            "UPDATE watch SET seen_at = max(seen_at, ?) WHERE id = ?", (at, self.watch)
        )

    def _undone(self) -> None:
        """Empty the caches of rows after a failed transaction."""
        self._process_table.forget()
        self._rollups.forget()
        self.dead_band.forget_all()
