"""Packing of what is over, in small steps between the scans of the monitor."""

import logging
import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from porteye_core.errors import StoreDamaged, StoreError
from porteye_core.store.file.sqlite_errors import to_store_error
from porteye_core.store.file.transaction import transaction
from porteye_core.store.retention.step_budget import StepBudget, spend
from porteye_core.store.tables import pack_table
from porteye_core.store.tables.pack_table import Columns

log = logging.getLogger("porteye")

_SECOND = 1_000_000
_REST = _SECOND  # between two steps, as between those of retention
_EVERY = 60 * _SECOND  # between two rounds over the last hours
_ALL_EVERY = 3600 * _SECOND  # between two rounds over all of the history
# So long after its end a bucket is over: what a scan finds late has been written.
_SETTLED = 60 * _SECOND
_LAST_HOURS = 2 * 3600 * _SECOND
_MINUTE = 60
# Readers count so many events one by one in a millisecond: a minute is packed at once only where
# more wait, so that a quiet machine writes no page a minute for it.
_FEW_EVENTS = 500
# The monitor has 32 MiB. Beyond that a bucket stays as it is: events of a minute, and pairs of a
# port and a program of an hour or a day.
_MAX_EVENTS, _MAX_PAIRS = 10_000, 300_000
_BATCH = 2000  # buckets sought at a time


_EVENTS = """
SELECT e.port, l.protocol, coalesce(e.program_id, l.program_id, 0) AS program,
    sum(e.kind = 'opened'), sum(e.kind = 'closed')
FROM event e JOIN listener l ON l.id = e.listener_id WHERE e.at >= ? AND e.at < ?
GROUP BY +e.port, l.protocol, program ORDER BY +e.port, l.protocol, program
"""
_ACTIVITY = """
SELECT port, protocol, program_id, opened, closed FROM activity
WHERE resolution = ? AND bucket = ? AND (port, protocol, program_id) > (?, ?, ?)
ORDER BY port, protocol, program_id LIMIT ?
"""


class _Bucket(NamedTuple):
    resolution: int
    at: int
    events: int


class Packing:
    """Runs rounds, a minute apart, step by step."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._pairs = StepBudget(first=2000, minimum=200, maximum=20_000)
        self._round: Iterator[None] | None = None
        self._rested: int | None = None  # elapsed
        self._all_due = 0  # elapsed

    def step(self, now: int, elapsed: int) -> None:
        """Do one short step if one is due; a failed step ends the round."""
        if self._rested is None:  # the first round is a minute after the start
            self._rested = self._all_due = elapsed + _EVERY
        if elapsed < self._rested:
            return
        if self._round is None:
            is_all = elapsed >= self._all_due
            self._round = self.round(now, None if is_all else now - _LAST_HOURS)
            self._all_due = elapsed + _ALL_EVERY if is_all else self._all_due
        try:
            next(self._round)
            self._rested = elapsed + _REST
        except StopIteration:
            self._end_round(elapsed)
        except (StoreError, sqlite3.Error) as err:
            self._end_round(elapsed)
            error = to_store_error(err) if isinstance(err, sqlite3.Error) else err
            if isinstance(error, StoreDamaged):
                raise error from err
            log.warning("Counts of the past could not be packed, and are later: %s", err)

    def _end_round(self, elapsed: int) -> None:
        self._round, self._rested = None, elapsed + _EVERY

    def round(self, now: int, since: int | None = None) -> Iterator[None]:
        """Pack every bucket that is over and not packed yet, or those since a time, the newest
        first: long buckets at first, which answer most. Each `next()` is one short step."""
        for resolution in sorted(pack_table.RESOLUTIONS, reverse=True):
            end = now - _SETTLED - resolution * _SECOND
            for buckets in self._unpacked(resolution, since or 0, end):
                yield
                if resolution != _MINUTE:
                    for bucket in buckets:
                        yield from self._pack(bucket)
                elif since is None or _sum(buckets) >= _FEW_EVENTS:
                    yield from self._pack_minutes(buckets)

    def _unpacked(self, resolution: int, since: int, end: int) -> Iterator[list[_Bucket]]:
        """The buckets that begin in since..end, have events and no pack, in batches."""
        while True:
            rows = self._connection.execute(
                "SELECT bucket, opened + closed, EXISTS (SELECT 1 FROM pack p WHERE"
                " p.resolution = t.resolution AND p.bucket = t.bucket AND p.ports IS NOT NULL)"
                " FROM turnover t WHERE resolution = ? AND bucket BETWEEN ? AND ?"
                " ORDER BY bucket DESC LIMIT ?",
                (resolution, since, end, _BATCH),
            ).fetchall()
            found = (_Bucket(resolution, at, events) for at, events, packed in rows if not packed)
            yield list(found)
            if len(rows) < _BATCH:
                return
            end = rows[-1][0] - 1

    def _pack_minutes(self, minutes: list[_Bucket]) -> Iterator[None]:
        """Pack these minutes, as many in a step as its time lets."""
        waiting = iter(minutes)
        packed = map(self._pack_minute, waiting)
        for minute in waiting:
            with transaction(self._connection):
                self._pack_minute(minute)
                spend(packed)
            yield

    def _pack_minute(self, minute: _Bucket) -> None:
        if minute.events > _MAX_EVENTS:
            return
        columns, bounds = Columns(), (minute.at, minute.at + _MINUTE * _SECOND)
        columns.add(self._connection.execute(_EVENTS, bounds))
        pack_table.store(self._connection, _MINUTE, minute.at, columns)

    def _pack(self, bucket: _Bucket) -> Iterator[None]:
        """Pack an hour or a day; each `next()` reads a part of a long one."""
        columns, key = Columns(), (bucket.resolution, bucket.at)
        last: tuple[int | str, ...] = (-1, "", 0)
        is_begun = False
        while True:
            with self._pairs.measured():
                size = self._pairs.size
                rows = self._connection.execute(_ACTIVITY, (*key, *last, size)).fetchall()
                columns.add(rows)
            if len(rows) < size or columns.size > _MAX_PAIRS:
                break
            if not is_begun:  # from the first wait on, the bucket may change meanwhile
                with transaction(self._connection):
                    pack_table.begin(self._connection, *key)
                is_begun = True
            last = rows[-1][:3]
            yield
        if columns.size <= _MAX_PAIRS:
            with transaction(self._connection):
                if not is_begun or pack_table.is_unchanged(self._connection, *key):
                    pack_table.store(self._connection, *key, columns)
        yield


def _sum(buckets: list[_Bucket]) -> int:
    return sum(bucket.events for bucket in buckets)
