"""Keeps no more history than is wanted, in small steps between the scans of the monitor."""

import logging
import sqlite3
import time
from collections.abc import Callable

from porteye_core.errors import StoreDamaged, StoreError
from porteye_core.model import Limitation, RetentionPolicy
from porteye_core.store.file.migrations import PAGE_SIZE
from porteye_core.store.file.sqlite_errors import to_store_error
from porteye_core.store.file.transaction import transaction
from porteye_core.store.retention.orphans import drop_orphans
from porteye_core.store.retention.purge import Kind, Purge, Reason, Steps
from porteye_core.store.retention.step_budget import HURRIED, USUAL, StepBudget, spend
from porteye_core.store.tables.process_table import ProcessTable

log = logging.getLogger("porteye")

_HOUR = 3600 * 1_000_000
_FIRST, _EVERY = 60 * 1_000_000, _HOUR
# After a clock was set: history must not go because a clock was wrong for some minutes.
_DISTRUST = _HOUR
_REST = 1_000_000  # between two steps: a step of 10 ms each second is 1 % of a core
# While the database grows beyond its room, steps take this share of the time, and at most so many
# seconds in a row.
_SHARE, _LONGEST = 0.25, 0.5
# Growth beyond the size at which the room was full, in bytes, that the usual steps cannot stop.
_GROWTH = 8_000_000
# Records of the last hour are dropped only if nothing older is left, and those of the last minute
# never.
_UNTOUCHED, _YOUNGEST = _HOUR, 60 * 1_000_000
_PORTION = 60 * 1_000_000  # lives of the last hour that closed within this time go together
_MANY = 5_000  # lives of the last hour after which orphans are deleted
# Time beyond --max-size after which a limitation says so.
_PATIENCE = 60 * 1_000_000
# The WAL has a quarter of --max-size, 64 MiB at most. It is written back when a quarter of that is
# full, counted in pages of 2 KiB.
_LARGEST_LOG, _QUARTER, _MAX_PAGES = 64 * 1024**2, 4, 8000
_STRIDE: dict[Kind, int] = {"samples": _HOUR, "rollups": 24 * _HOUR, "events": 24 * _HOUR}
# Dropped down to this share of the limit, for else each hour would drop one more.
_GOAL = 0.9
_FREE = 0.05  # and this share of it may be free pages
# A step that happens to fill the log also writes it back: of 4,000 pages all over a large file that
# takes several times as long as the step's own work. Between rounds fewer, larger parts write less.
_LOG_PAGES = 500
# Free pages that stay in the file: a few hours' rows go into them again.
_SLACK = 1024
# Forgotten holders after which the rows of their processes are sought: 1.5 MB of them.
_RELEASED = 5_000
_ONE_PAGE = "PRAGMA incremental_vacuum(1)"
_OLDEST: dict[Kind, str] = {
    "samples": "SELECT at FROM tick WHERE gap = 0 AND jump = 0 ORDER BY at LIMIT 1",
    "rollups": "SELECT min(bucket) FROM rollup WHERE resolution = 300",
    "events": "SELECT min(at) FROM (SELECT min(closed_at) AS at FROM listener WHERE span = 0"
    " AND closed_at IS NOT NULL UNION ALL SELECT min(closed_at) FROM listener WHERE span = 1"
    " AND closed_at IS NOT NULL UNION ALL SELECT min(closed_at) FROM listener WHERE span = 2"
    " AND closed_at IS NOT NULL)",
}


def max_wal_size(retention: RetentionPolicy) -> int:
    """Return the bytes of the WAL's file that SQLite leaves when it begins the WAL anew."""
    return _LARGEST_LOG if retention.size is None else min(_LARGEST_LOG, retention.size // _QUARTER)


class Retention:
    """Runs rounds, an hour apart or when the file has become too large, step by step."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        retention: RetentionPolicy,
        process_table: ProcessTable,
    ) -> None:
        self._connection = connection
        self._keep = retention
        self._room = None if retention.size is None else retention.size - max_wal_size(retention)
        self._process_table = process_table
        self._purge = Purge(connection)
        connection.execute(f"PRAGMA journal_size_limit = {max_wal_size(retention)}")
        self._usual_log_pages = min(_MAX_PAGES, max_wal_size(retention) // _QUARTER // PAGE_SIZE)
        self._write_log_back_every(self._usual_log_pages)
        # Pages that are moved are written to the log, which a step fills by half at most.
        self._vacuum = StepBudget(first=100, minimum=20, maximum=_LOG_PAGES // 2)
        self._round: Steps | None = None
        self._due: int | None = None  # elapsed
        self._rested = 0
        self._said: set[str] = set()
        self._searched = False
        self._stuck_until = 0  # elapsed
        self._released = 0
        self._stepped: int | None = None  # elapsed
        self._oversized_since: int | None = None  # elapsed
        self._filled_at: int | None = None  # bytes, when the room became full
        self._is_full = self._is_pressed = False
        self._seconds = USUAL  # of a step
        self._limit: Limitation | None = None

    @property
    def limit(self) -> Limitation | None:
        """Present limitation: the database is larger than its maximum."""
        return self._limit

    @property
    def is_behind(self) -> bool:
        """True while the database grows beyond its room and dropping can stop that."""
        return self._is_pressed

    def note_released(self, holders: int) -> None:
        """Count holders that were forgotten: the rows of their processes may be orphans."""
        self._released += holders

    def step(self, now: int, elapsed: int) -> None:
        """Do one short step if one is due; a failed step ends the round, and the next one tries it
        again.

        While the database grows beyond its room, steps take up to a quarter of the time since the
        last call, because a flood must not be faster.
        """
        if self._due is None:
            self._due = elapsed + _FIRST
        if elapsed < self._rested:
            return
        self.note_size(elapsed)
        passed = 0 if self._stepped is None else elapsed - self._stepped
        self._stepped = elapsed
        end = time.perf_counter() + min(_LONGEST, passed * _SHARE / 1e6)
        self._seconds = HURRIED if self._is_pressed else USUAL
        self._purge.set_goal(self._seconds)
        while self._begin(now, elapsed):
            self._step()
            if not self._is_pressed or time.perf_counter() >= end:
                break
        self._rested = elapsed if self._is_pressed else elapsed + _REST

    def _begin(self, now: int, elapsed: int) -> bool:
        """Begin a round if one is due; return True if there is a round."""
        if self._round is not None:
            return True
        is_due = self._due is not None and elapsed >= self._due
        if is_due or self._is_full:
            self._round = self._steps(now, elapsed, by_age=is_due)
            if is_due:
                self._due = elapsed + _EVERY
        elif self._released >= _RELEASED:
            self._released = 0
            self._round = drop_orphans(self._connection, self._process_table)
        else:
            return False
        self._write_log_back_every(min(_LOG_PAGES, self._usual_log_pages))
        return True

    def _step(self) -> None:
        assert self._round is not None
        try:
            next(self._round)
        except StopIteration:
            self._end_round()
        except (StoreError, sqlite3.Error) as err:
            self._end_round()
            self._is_full = self._is_pressed = False  # until the next check of the size
            if isinstance(error := _of_the_store(err), StoreDamaged):
                raise error from err
            self._say("failed", f"Old records could not be dropped, and are next hour: {err}")

    def distrust(self, elapsed: int) -> None:
        """The clock was set: drop nothing by it for a while."""
        self._end_round()
        self._due = elapsed + _DISTRUST

    def _end_round(self) -> None:
        self._round = None
        self._write_log_back_every(self._usual_log_pages)

    def _write_log_back_every(self, pages: int) -> None:
        self._connection.execute(f"PRAGMA wal_autocheckpoint = {pages}")

    def _steps(self, now: int, elapsed: int, *, by_age: bool) -> Steps:
        if by_age:
            yield from self._drop_aged(now)
        if self._room is not None and self._is_too_large():
            yield from self._shrink(now, elapsed, self._room)
        yield from self._give_back()

    def _drop_aged(self, now: int) -> Steps:
        retention = self._keep
        if retention.samples is not None:
            yield from self._purge.samples(now - retention.samples, "age")
            if retention.rollups is not None:
                yield from self._purge.rollups(
                    now - max(retention.samples, retention.rollups), "age"
                )
        if retention.events is not None:
            yield from self._drop_events(now - retention.events, "age")

    def _drop_events(self, before: int, reason: Reason) -> Steps:
        lives = yield from self._purge.events(before, reason)
        if lives or not self._searched:  # a kill may have left some
            yield from drop_orphans(self._connection, self._process_table, self._seconds)
            self._searched = True

    def _shrink(self, now: int, elapsed: int, room: int) -> Steps:
        drops: dict[Kind, Callable[[int, Reason], Steps]] = {
            "samples": self._purge.samples,
            "rollups": self._purge.rollups,
            "events": self._drop_events,
        }
        for kind, drop in drops.items():
            done = None
            while self._used() > room * _GOAL:
                before = self._oldest_part(kind, now)
                if before is None or before == done:
                    break
                self._say(
                    kind,
                    f"The database has reached --max-size, {self._most}: the oldest {kind} are"
                    " dropped.",
                )
                yield from drop(before, "size")
                done = before
        yield from self._drop_recent(now, room)
        if self._used() > room:
            self._stuck_until = elapsed + _PATIENCE
            self._is_full = self._is_pressed = False

    def _drop_recent(self, now: int, room: int) -> Steps:
        """Drop closed lives of the last hour: a flood fills any disk within an hour."""
        gone = 0
        while self._used() > room * _GOAL:
            oldest = self._connection.execute(_OLDEST["events"]).fetchone()[0]
            if oldest is None or oldest >= now - _YOUNGEST:
                break
            self._say(
                "recent",
                f"The database has reached --max-size, {self._most}, within an hour: the oldest"
                " lives of this hour are dropped.",
            )
            gone += yield from self._purge.recent(min(oldest + _PORTION, now - _YOUNGEST))
            if gone >= _MANY:
                yield from drop_orphans(self._connection, self._process_table, self._seconds)
                gone = 0
        if gone:
            yield from drop_orphans(self._connection, self._process_table, self._seconds)

    def _oldest_part(self, kind: Kind, now: int) -> int | None:
        """Up to when to drop next, None if there is nothing that old."""
        oldest = self._connection.execute(_OLDEST[kind]).fetchone()
        if oldest is None or oldest[0] is None or oldest[0] >= now - _UNTOUCHED:
            return None
        reach = oldest[0] + _STRIDE[kind] + self._purge.disorder()
        return int(min(reach, now - _UNTOUCHED))

    def _give_back(self) -> Steps:
        slack = _SLACK
        if self._keep.size is not None:
            slack = min(slack, int(self._keep.size * _FREE / self._number("PRAGMA page_size")))
        free = self._number("PRAGMA freelist_count")
        while free > slack:
            with self._vacuum.measured(), transaction(self._connection):
                # Page by page: one at the end is cut off, another has to be moved, which takes a
                # hundred times as long, and as many in the next step would be too many.
                pages = range(min(free - slack, self._vacuum.size))
                spend(self._connection.execute(_ONE_PAGE).fetchall() for _ in pages)
            yield
            before, free = free, self._number("PRAGMA freelist_count")
            if free >= before:  # a file that was made without auto_vacuum
                return

    @property
    def _most(self) -> str:
        return f"{(self._keep.size or 0) / 1e6:,.0f} MB"

    def note_size(self, elapsed: int) -> None:
        """Check the size of the database; report it after a minute beyond --max-size."""
        size = self._size()
        self._note_pressure(size, elapsed)
        if self._keep.size is None or size <= self._keep.size:
            self._oversized_since = self._limit = None
            return
        if self._oversized_since is None:
            self._oversized_since = elapsed
        if elapsed - self._oversized_since >= _PATIENCE:
            self._limit = Limitation(
                "oversized",
                f"The database is larger than --max-size, {self._most}: open listeners, lives that"
                " closed within the last minute and new records take more. The rest is dropped as"
                " fast as possible.",
                "Set a larger --max-size.",
            )
            self._say("oversized", self._limit.text)

    def _note_pressure(self, size: int, elapsed: int) -> None:
        if self._room is None or size <= self._room:
            self._filled_at = None
            self._is_full = self._is_pressed = False
            return
        if self._filled_at is None:
            self._filled_at = size
        self._is_full = elapsed >= self._stuck_until
        growth = size - self._filled_at
        self._is_pressed = self._is_full and growth > min(_GROWTH, self._room // 50)

    def _is_too_large(self) -> bool:
        return self._room is not None and self._size() > self._room

    def _size(self) -> int:
        return self._number("PRAGMA page_count") * self._number("PRAGMA page_size")

    def _used(self) -> int:
        pages = self._number("PRAGMA page_count") - self._number("PRAGMA freelist_count")
        return pages * self._number("PRAGMA page_size")

    def _number(self, statement: str) -> int:
        return int(self._connection.execute(statement).fetchone()[0])

    def _say(self, what: str, sentence: str) -> None:
        if what not in self._said:
            self._said.add(what)
            log.warning("%s", sentence)


def _of_the_store(err: StoreError | sqlite3.Error) -> StoreError:
    return to_store_error(err) if isinstance(err, sqlite3.Error) else err
