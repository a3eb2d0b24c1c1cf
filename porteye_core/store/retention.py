"""Keeps no more history than is wanted, in small steps between the looks of the monitor."""

import logging
import sqlite3
from collections.abc import Callable

from porteye_core.errors import StoreDamaged, StoreError
from porteye_core.model import Keep
from porteye_core.store.dropping import Dropping, Kind, Reason, Steps
from porteye_core.store.identities import Identities
from porteye_core.store.orphans import drop_orphans
from porteye_core.store.pace import Pace, spend
from porteye_core.store.transaction import transaction
from porteye_core.store.trouble import translated

log = logging.getLogger("porteye")

_HOUR = 3600 * 1_000_000
_FIRST, _EVERY = 60 * 1_000_000, _HOUR
# After a clock was set: history must not go because a clock was wrong for some minutes.
_DISTRUST = _HOUR
_REST = 1_000_000  # between two steps: a step of 10 ms each second is 1 % of a core
# What has been measured within the last hour stays, whatever the size.
_UNTOUCHED = _HOUR
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


class Retention:
    """Runs rounds, an hour apart or when the file has become too large, step by step."""

    def __init__(self, connection: sqlite3.Connection, keep: Keep, identities: Identities) -> None:
        self._connection = connection
        self._keep = keep
        self._identities = identities
        self._dropping = Dropping(connection)
        self._usual_log_pages = self._number("PRAGMA wal_autocheckpoint")
        # Pages that are moved are written to the log, which a step fills by half at most.
        self._vacuum = Pace(first=100, least=20, most=_LOG_PAGES // 2)
        self._round: Steps | None = None
        self._due: int | None = None  # elapsed
        self._rested = 0
        self._said: set[str] = set()
        self._stuck = self._searched = False
        self._released = 0

    def note_released(self, holders: int) -> None:
        """Count holders that were forgotten: the rows of their processes may be orphans."""
        self._released += holders

    def step(self, now: int, elapsed: int) -> None:
        """One short step if one is due; a step that fails ends the round, and the next tries it
        again."""
        if self._due is None:
            self._due = elapsed + _FIRST
        if elapsed < self._rested:
            return
        if self._round is None:
            if elapsed < self._due and (self._stuck or not self._is_too_large()):
                if self._released < _RELEASED:
                    return
                self._released = 0
                self._round = drop_orphans(self._connection, self._identities)
            else:
                self._round, self._due = self._steps(now), elapsed + _EVERY
            self._write_log_back_every(_LOG_PAGES)
        self._rested = elapsed + _REST
        try:
            next(self._round)
        except StopIteration:
            self._end_round()
        except (StoreError, sqlite3.Error) as err:
            self._end_round()
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

    def _steps(self, now: int) -> Steps:
        keep = self._keep
        if keep.samples is not None:
            yield from self._dropping.samples(now - keep.samples, "age")
            if keep.rollups is not None:
                yield from self._dropping.rollups(now - max(keep.samples, keep.rollups), "age")
        if keep.events is not None:
            yield from self._drop_events(now - keep.events, "age")
        if keep.size is not None and self._is_too_large():
            yield from self._shrink(now, keep.size)
        yield from self._give_back()

    def _drop_events(self, before: int, reason: Reason) -> Steps:
        lives = yield from self._dropping.events(before, reason)
        if lives or not self._searched:  # a kill may have left some
            yield from drop_orphans(self._connection, self._identities)
            self._searched = True

    def _shrink(self, now: int, size: int) -> Steps:
        drops: dict[Kind, Callable[[int, Reason], Steps]] = {
            "samples": self._dropping.samples,
            "rollups": self._dropping.rollups,
            "events": self._drop_events,
        }
        for kind, drop in drops.items():
            done = None
            while self._used() > size * _GOAL:
                before = self._oldest_part(kind, now)
                if before is None or before == done:
                    break
                self._say(
                    kind,
                    f"The database has reached --max-size, {size / 1e6:,.0f} MB: the oldest {kind}"
                    " are dropped.",
                )
                yield from drop(before, "size")
                done = before
        self._stuck = self._used() > size
        if self._stuck:
            self._say("stuck", "The database is larger than --max-size with nothing old in it.")

    def _oldest_part(self, kind: Kind, now: int) -> int | None:
        """Up to when to drop next, None if there is nothing that old."""
        oldest = self._connection.execute(_OLDEST[kind]).fetchone()
        if oldest is None or oldest[0] is None or oldest[0] >= now - _UNTOUCHED:
            return None
        reach = oldest[0] + _STRIDE[kind] + self._dropping.disorder()
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

    def _is_too_large(self) -> bool:
        size = self._number("PRAGMA page_count") * self._number("PRAGMA page_size")
        return self._keep.size is not None and size > self._keep.size

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
    return translated(err) if isinstance(err, sqlite3.Error) else err
