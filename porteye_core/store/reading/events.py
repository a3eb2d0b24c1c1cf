"""The newest events that filters let through, or those after one, found in milliseconds among
millions.

A common word, a wide range of ports: the newest events have enough of them. A rare one has few
events, and the indexes of event name them. What is rare only together, a port and a program or a
protocol, is sought in the hours in which activity has counted it.
"""

import heapq
import json
from collections.abc import Iterator, Sequence

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.reading.event_filter import EventFilter, IndexedIds
from porteye_core.store.reading.listener_rows import (
    ANY,
    NAMES,
    Question,
    from_tables,
    select_columns,
)
from porteye_core.store.tables.event_ids import EventIds, Ids

_COLUMNS = select_columns(
    *("id", "protocol", "family", "address", "hidden"),
    *("interface", "interface_kind", "v6only", "namespace"),
    *("pid", "process", "exe", "title", "user", "unit", "container", "cmdline", *NAMES),
    id="e.id",
    port="e.port",
    listener="l.id",
    unit="coalesce(f.unit, p.unit)",
    container="coalesce(f.container, p.container)",
)
# The owner of an event is that of `former` which was next to be replaced, if there is one.
_TABLES = from_tables(
    """event e JOIN listener l ON l.id = e.listener_id
    LEFT JOIN former f ON f.listener_id = l.id AND f.until =
        (SELECT min(until) FROM former WHERE listener_id = l.id AND until > e.at)""",
    process="CASE WHEN f.until IS NULL THEN l.process_id ELSE f.process_id END",
    program="e.program_id",
)
# Events read on the way, in tens of nanoseconds each; where the filters need
# the listener of each, in a microsecond.
_FIRST_READ, _SECOND_READ, _SECOND_READ_OF_LISTENERS = 2_000, 200_000, 20_000
# As many seeks in an index take as long as the second read.
_FEW_KEYS = 300
# As many events here and there take as long.
_FEW_EVENTS = 5_000
_HOUR_US, _DAY_US = 3_600_000_000, 86_400_000_000


def newest_id(connection: engine.Connection) -> int:
    """Return the id of the newest event, 0 if there is none."""
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM event").fetchone()[0])


def newest(
    connection: engine.Connection, filters: Filters, before: int | None = None
) -> list[engine.Row]:
    """The newest events that the filters let through, at most `limit` of them, newest first; of
    those before the event of an id."""
    return connection.execute(*of_ids(ids(connection, filters, before))).fetchall()


def after(connection: engine.Connection, filters: Filters, event_id: int) -> list[engine.Row]:
    """The oldest events after the one of an id, at most `limit` of them, newest first."""
    return connection.execute(*of_ids(ids(connection, filters, after=event_id))).fetchall()


def ids(
    connection: engine.Connection,
    filters: Filters,
    before: int | None = None,
    after: int | None = None,
) -> list[int]:
    """The ids of the newest events, of those before the one of an id, or of the oldest after one;
    newest first."""
    return _Search(connection, filters, before, after).ids()


def of_ids(ids: Sequence[int]) -> Question:
    """These events, newest first."""
    return Question(
        f"""
        SELECT e.at, e.kind, e.seen, {_COLUMNS}
        FROM {_TABLES}
        WHERE e.id IN (SELECT value FROM json_each(?))
        ORDER BY e.id DESC
        """,
        (json.dumps(ids),),
    )


class _Search:
    """One search, from the newest event back, or with `after` from that one on.

    What it found is a heap of at most `limit` ids, of which the first is the furthest on the way;
    `sign` makes it the lowest number. `left`: the ids that were not looked at yet.
    """

    def __init__(
        self,
        connection: engine.Connection,
        filters: Filters,
        before: int | None = None,
        after: int | None = None,
    ) -> None:
        self._connection, self._filters = connection, filters
        self._filter = EventFilter(connection, filters)
        self._event_ids = EventIds(connection)
        self._is_forward = after is not None
        self._sign = -1 if self._is_forward else 1
        low, high = self._event_ids.between(filters.since, filters.until, before)
        self._left = Ids(low if after is None else max(low, after + 1), high)
        self._found: list[int] = []

    def ids(self) -> list[int]:
        """The ids of the events, newest first."""
        if not self._filter.is_nothing:
            self._search()
        return sorted((self._sign * each for each in self._found), reverse=True)

    def _search(self) -> None:
        event_filter = self._filter
        if event_filter.indexed:
            self._read_near(_FIRST_READ)
        for few in event_filter.indexed:
            if self._is_few(few):
                self._read(self._left, few.ids)
                return
        if event_filter.ports is None and event_filter.programs is None:
            self._read(self._left)
            return
        keys = event_filter.keys
        if keys is None or len(keys.values) > _FEW_KEYS:
            self._read_near(
                _SECOND_READ_OF_LISTENERS if event_filter.reads_listeners else _SECOND_READ
            )
        if keys is None:
            self._read_where_counted()
            return
        for value in keys.values:
            self._read(self._left, Question(f"{keys.column} = ?", (value,)))

    def _is_few(self, of: IndexedIds) -> bool:
        """True if reading each of these events takes no longer than reading on."""
        found = self._connection.execute(
            f"SELECT count(*) FROM ({of.sql} LIMIT ?) AS few", (*of.parameters, _FEW_EVENTS + 1)
        )
        return int(found.fetchone()[0]) <= _FEW_EVENTS

    def _wanted(self, ids: Ids) -> Ids:
        """Those of these ids that are still worth finding."""
        if len(self._found) < self._filters.limit:
            return ids
        furthest = self._sign * self._found[0]
        if self._is_forward:
            return Ids(ids.low, min(ids.high, furthest - 1))
        return Ids(max(ids.low, furthest + 1), ids.high)

    def _read_near(self, count: int) -> None:
        """Look at so many of the events that are left."""
        low, high = self._left
        if self._is_forward:
            near, self._left = Ids(low, min(high, low + count - 1)), Ids(low + count, high)
        else:
            near, self._left = Ids(max(low, high - count + 1), high), Ids(low, high - count)
        self._read(near)

    def _read_where_counted(self) -> None:
        """Look at the hours that have what is wanted, the nearest first."""
        for hour in self._hours():
            until = hour + _HOUR_US - 1
            ids = self._event_ids.between(hour, until)
            within = Ids(max(ids.low, self._left.low), min(ids.high, self._left.high))
            for port in self._filter.counted_ports(_HOUR_US, hour):
                # What is not of this hour is found in its own.
                at = Question("e.port = ? AND e.at BETWEEN ? AND ?", (port, hour, until))
                self._read(within, at)

    def _hours(self) -> Iterator[int]:
        """The hours to look at, until no event of a further one can be among the nearest."""
        first, last = self._event_ids.times(self._left)
        days = range(first // _DAY_US * _DAY_US, last + 1, _DAY_US)
        hours = range(0, _DAY_US, _HOUR_US)
        for day in days if self._is_forward else reversed(days):
            wanted = self._wanted(self._left)
            if self._is_forward:
                if self._event_ids.between(day, None).low > wanted.high:
                    return
            elif self._event_ids.between(None, day + _DAY_US - 1).high < wanted.low:
                return
            if self._filter.is_counted(_DAY_US, day):
                yield from (day + hour for hour in (hours if self._is_forward else reversed(hours)))

    def _read(self, ids: Ids, also: Question = ANY) -> None:
        wanted = self._wanted(ids)
        if wanted.low > wanted.high:
            return
        where, parameters = self._filter.condition
        found = self._connection.execute(
            f"SELECT e.id FROM event e WHERE {also.sql} AND e.id BETWEEN ? AND ? AND {where}"
            f" ORDER BY e.id {'ASC' if self._is_forward else 'DESC'} LIMIT ?",
            (*also.parameters, *wanted, *parameters, self._filters.limit),
        )
        for (event_id,) in found:
            key = self._sign * event_id
            if len(self._found) < self._filters.limit:
                heapq.heappush(self._found, key)
            elif key > self._found[0]:
                heapq.heapreplace(self._found, key)
            else:
                return
