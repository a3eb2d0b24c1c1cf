"""The exact number of events that filters let through, without reading millions of rows.

All of a time: from what the writer counts. Of some programs: by one index, whose entries between
two ids need no read of the events. Of ports, a protocol or a kind: from activity, which has a
bucket's ports side by side. By what only listeners tell: event by event.
"""

import json
from dataclasses import replace

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.reading.event_counts import (
    Piece,
    cached,
    cut,
    is_narrowed,
    sum_of,
    total,
)
from porteye_core.store.reading.event_filter import EventFilter
from porteye_core.store.tables.event_counters import ACTIVITY
from porteye_core.store.tables.event_ids import EventIds, Ids

_SECOND = 1_000_000
_DAYS = (86400,)


def event_total(connection: engine.Connection, filters: Filters) -> int:
    """The number of events that the filters let through, whatever `limit` says."""
    event_filter = EventFilter(connection, filters)
    if event_filter.is_nothing:
        return 0
    since, until = _range(connection, filters)
    if since > until:
        return 0
    if not is_narrowed(filters):
        return total(connection, since, until, filters.kind)
    count = _Count(connection, filters, event_filter)
    resolutions = _DAYS if event_filter.is_by_program else ACTIVITY
    return sum(count.piece(*each) for each in cut(since, until + 1, resolutions))


def _range(connection: engine.Connection, filters: Filters) -> tuple[int, int]:
    """The times to count from and to, within those of the events that there are."""
    first, last = connection.execute(
        "SELECT (SELECT min(at) FROM event), (SELECT max(at) FROM event)"
    ).fetchone()
    if first is None:
        return 1, 0
    since = first if filters.since is None else max(first, filters.since)
    until = last if filters.until is None else min(last, filters.until)
    return since, until


class _Count:
    """One count of what is narrowed."""

    def __init__(
        self, connection: engine.Connection, filters: Filters, event_filter: EventFilter
    ) -> None:
        self._connection, self._filters, self._filter = connection, filters, event_filter
        self._event_ids = EventIds(connection)

    def piece(self, piece: Piece, is_over: bool) -> int:  # noqa: FBT001 - as `cut` has them
        """In one piece of the range."""
        if not is_over:
            return self._piece(piece)
        key = ("events", replace(self._filters, since=None, until=None, limit=0), piece)
        return cached(self._connection, piece, key, lambda: self._piece(piece))

    def _piece(self, piece: Piece) -> int:
        since, until = piece.since, piece.until - 1
        if self._filter.is_by_program:
            return self._by_index(since, until)
        if piece.resolution and not self._filter.needs_listener:
            return self._counted(piece)
        return self._read(self._event_ids.between(since, until), since, until)

    def _by_index(self, since: int, until: int) -> int:
        """By the entries of one index; only near the ends the times are read."""
        around = self._event_ids.between(since, until)
        before, after = (
            self._event_ids.between(None, since - 1),
            self._event_ids.between(until + 1, None),
        )
        sure = Ids(max(around.low, before.high + 1), min(around.high, after.low - 1))
        if sure.low > sure.high:
            return self._read(around, since, until)
        ends = Ids(around.low, sure.low - 1), Ids(sure.high + 1, around.high)
        return self._sought(sure) + sum(self._read(each, since, until) for each in ends)

    def _sought(self, ids: Ids) -> int:
        """The number of index entries between two ids, whatever their times."""
        statement = (
            "SELECT count(*) FROM json_each(?) j CROSS JOIN event e"
            " WHERE e.program_id = j.value AND e.id BETWEEN ? AND ?"
        )
        return self._number(statement, json.dumps(self._filter.programs), *ids)

    def _read(self, ids: Ids, since: int, until: int) -> int:
        """The number of events by their own times."""
        where, parameters = self._filter.condition
        return self._number(
            f"SELECT count(*) FROM event e WHERE e.id BETWEEN ? AND ? AND +e.at BETWEEN ? AND ?"
            f" AND {where}",
            *(*ids, since, until, *parameters),
        )

    def _counted(self, piece: Piece) -> int:
        """The number by activity. Bucket by bucket, so that ports are sought in each."""
        length = piece.resolution * _SECOND
        buckets = json.dumps(list(range(piece.since, piece.until, length)))
        where, parameters = self._filter.counted
        return self._number(
            f"SELECT {sum_of(self._filters.kind)} FROM json_each(?) b CROSS JOIN activity a"
            f" WHERE a.resolution = ? AND a.bucket = b.value AND {where}",
            *(buckets, piece.resolution, *parameters),
        )

    def _number(self, statement: str, *parameters: object) -> int:
        return _number(self._connection, statement, parameters)


def _number(connection: engine.Connection, statement: str, parameters: tuple[object, ...]) -> int:
    return int(connection.execute(statement, parameters).fetchone()[0])
