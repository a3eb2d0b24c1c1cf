"""The change before or after a moment: the nearest event that filters let through, found in
milliseconds among millions, as events.py finds the newest ones."""

from collections.abc import Iterator
from dataclasses import replace

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.reading.event_filter import EventFilter
from porteye_core.store.reading.listener_rows import ANY, Question
from porteye_core.store.tables.event_ids import EventIds, Ids

_NEAR = 2_000  # events that are read first
# Events beside the one that was found, which may be nearer: those of one scan are stored in another
# order than that of their times.
_BESIDE = 2_000
_FEW_KEYS = 300  # seeks in an index that take as long as reading the counts of a day
_HOUR_US, _DAY_US = 3_600_000_000, 86_400_000_000


def previous_change(connection: engine.Connection, filters: Filters, at: int) -> int | None:
    """The time of the last event before a moment, None if there is none; the filters' times and
    limit do not count."""
    return _Search(connection, replace(filters, since=None, until=at - 1), forward=False).time()


def next_change(connection: engine.Connection, filters: Filters, at: int) -> int | None:
    """The time of the first event after a moment, None if there is none."""
    return _Search(connection, replace(filters, since=at + 1, until=None), forward=True).time()


class _Search:
    """One search in one direction."""

    def __init__(self, connection: engine.Connection, filters: Filters, *, forward: bool) -> None:
        self._connection = connection
        self._filter = EventFilter(connection, filters)
        self._event_ids = EventIds(connection)
        self._ids = self._event_ids.between(filters.since, filters.until)
        self._forward = forward

    def time(self) -> int | None:
        """The time of the nearest event."""
        found = None if self._filter.is_nothing else self._nearest()
        if found is None:
            return None
        near = Ids(found, found + _BESIDE) if self._forward else Ids(found - _BESIDE, found)
        where, parameters = self._filter.condition
        best = "min" if self._forward else "max"
        row = self._connection.execute(
            f"SELECT {best}(e.at) FROM event e WHERE e.id BETWEEN ? AND ? AND {where}",
            (*near, *parameters),
        ).fetchone()
        return int(row[0])

    def _nearest(self) -> int | None:
        """The id of the nearest event."""
        low, high = self._ids
        near = Ids(low, low + _NEAR) if self._forward else Ids(high - _NEAR, high)
        found = self._first(Ids(max(low, near.low), min(high, near.high)))
        if found is not None:
            return found
        rest = Ids(near.high + 1, high) if self._forward else Ids(low, near.low - 1)
        keys = self._filter.keys
        if keys is not None and len(keys.values) <= _FEW_KEYS:
            each = (
                self._first(rest, Question(f"{keys.column} = ?", (value,))) for value in keys.values
            )
            known = [found for found in each if found is not None]
            return (min if self._forward else max)(known, default=None)
        if self._filter.ports is None and self._filter.programs is None:
            return self._first(rest)
        return self._where_counted(rest)

    def _where_counted(self, rest: Ids) -> int | None:
        """The nearest event in the hours that have counted a match."""
        for hour in self._hours(rest):
            until = hour + _HOUR_US - 1
            ids = self._event_ids.between(hour, until)
            within = Ids(max(ids.low, rest.low), min(ids.high, rest.high))
            ports = self._filter.counted_ports(_HOUR_US, hour)
            at = "e.port = ? AND e.at BETWEEN ? AND ?"
            each = (self._first(within, Question(at, (port, hour, until))) for port in ports)
            known = [found for found in each if found is not None]
            if known:
                return (min if self._forward else max)(known)
        return None

    def _hours(self, rest: Ids) -> Iterator[int]:
        first, last = self._event_ids.times(rest)
        days = range(first // _DAY_US * _DAY_US, last + 1, _DAY_US)
        hours = range(0, _DAY_US, _HOUR_US)
        for day in days if self._forward else reversed(days):
            if self._filter.is_counted(_DAY_US, day):
                yield from (day + hour for hour in (hours if self._forward else reversed(hours)))

    def _first(self, ids: Ids, also: Question = ANY) -> int | None:
        """The nearest of these ids whose event the filters let through."""
        if ids.low > ids.high:
            return None
        where, parameters = self._filter.condition
        order = "ASC" if self._forward else "DESC"
        row = self._connection.execute(
            f"SELECT e.id FROM event e WHERE {also.sql} AND e.id BETWEEN ? AND ? AND {where}"
            f" ORDER BY e.id {order} LIMIT 1",
            (*also.parameters, *ids, *parameters),
        ).fetchone()
        return None if row is None else int(row[0])
