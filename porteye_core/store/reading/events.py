"""The newest events that filters let through, found in milliseconds among millions.

A common word, a wide range of ports: the newest events have enough of them. A rare one has few
events, and the indexes of event name them. What is rare only together, a port and a program or a
protocol, is sought in the hours in which activity has counted it.
"""

import heapq
import json
from collections.abc import Iterator, Sequence

import pandas as pd

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.reading.event_filter import EventFilter, IndexedIds
from porteye_core.store.reading.listener_rows import (
    ANY,
    Question,
    bounds,
    command_lines,
    frame_of,
    from_tables,
    owners,
    select_columns,
    services,
    times,
)
from porteye_core.store.tables.event_ids import EventIds, Ids

_COLUMNS = select_columns(
    *("id", "protocol", "family", "address", "hidden"),
    *("interface", "interface_kind", "v6only", "namespace"),
    *("pid", "process", "title", "user", "unit", "container", "cmdline"),
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
# Events read on the way back from the newest, in tens of nanoseconds each; where the filters need
# the listener of each, in a microsecond.
_FIRST_LOOK, _SECOND_LOOK, _SECOND_LOOK_LISTENER = 2_000, 200_000, 20_000
# As many seeks in an index take as long as the second read.
_FEW_KEYS = 300
# As many events here and there take as long.
_FEW_EVENTS = 5_000
_HOUR_US, _DAY_US = 3_600_000_000, 86_400_000_000
_HOURS = _DAY_US // _HOUR_US


def history(
    connection: engine.Connection, filters: Filters, before: int | None = None
) -> pd.DataFrame:
    """The newest events that the filters let through, at most `limit` of them; `before` is the id
    of an event: only older ones."""
    frame = frame_of(connection, _newest(connection, filters, before))
    frame["at"] = times(frame["at"])
    frame["pid"] = frame["pid"].astype("Int64")
    frame["service"] = services(frame)
    frame["address"] = [each.shown for each in bounds(frame)]
    frame["cmdline"] = command_lines(frame)
    frame["process"] = owners(frame)
    return frame


def newest_id(connection: engine.Connection) -> int:
    """Return the id of the newest event, 0 if there is none."""
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM event").fetchone()[0])


def newest(
    connection: engine.Connection, filters: Filters, before: int | None = None
) -> list[engine.Row]:
    """The same as rows, newest first."""
    return connection.execute(*_newest(connection, filters, before)).fetchall()


def _newest(connection: engine.Connection, filters: Filters, before: int | None) -> Question:
    return _events(_Search(connection, filters, before).ids())


def _events(ids: Sequence[int]) -> Question:
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
    """One search; what it found is a heap of at most `limit` ids, the lowest first."""

    def __init__(self, connection: engine.Connection, filters: Filters, before: int | None) -> None:
        self._connection, self._filters = connection, filters
        self._filter = EventFilter(connection, filters)
        self._event_ids = EventIds(connection)
        self._ids = self._event_ids.between(filters.since, filters.until, before)
        self._found: list[int] = []

    def ids(self) -> list[int]:
        """The ids of the newest events, newest first."""
        if not self._filter.is_nothing:
            self._search()
        return sorted(self._found, reverse=True)

    def _search(self) -> None:
        event_filter = self._filter
        left = self._ids.high
        if event_filter.indexed:
            left = self._look_back(left, _FIRST_LOOK)
        for few in event_filter.indexed:
            if self._is_few(few):
                self._read(Ids(self._lowest, left), few.ids)
                return
        if event_filter.ports is None and event_filter.programs is None:
            self._read(Ids(self._lowest, left))
            return
        keys = event_filter.keys
        if keys is None or len(keys.values) > _FEW_KEYS:
            much = _SECOND_LOOK_LISTENER if event_filter.reads_listeners else _SECOND_LOOK
            left = self._look_back(left, much)
        if keys is None:
            self._look_where_counted(left)
            return
        for value in keys.values:
            self._read(Ids(self._lowest, left), Question(f"{keys.column} = ?", (value,)))

    def _is_few(self, of: IndexedIds) -> bool:
        """True if reading each of these events takes no longer than reading backwards."""
        found = self._connection.execute(
            f"SELECT count(*) FROM ({of.sql} LIMIT ?) AS few", (*of.parameters, _FEW_EVENTS + 1)
        )
        return int(found.fetchone()[0]) <= _FEW_EVENTS

    @property
    def _lowest(self) -> int:
        """The lowest id that is still worth finding."""
        is_full = len(self._found) >= self._filters.limit
        return max(self._ids.low, self._found[0] + 1) if is_full else self._ids.low

    def _look_back(self, high: int, count: int) -> int:
        """Look at so many events from `high` on down; returns the highest id that is left."""
        self._read(Ids(max(self._lowest, high - count + 1), high))
        return high - count

    def _look_where_counted(self, high: int) -> None:
        """Look at the hours that have what is wanted, from the latest on."""
        for hour in self._hours(high):
            until = hour + _HOUR_US - 1
            ids = self._event_ids.between(hour, until)
            within = Ids(max(ids.low, self._lowest), min(ids.high, high))
            for port in self._filter.counted_ports(_HOUR_US, hour):
                # What is not of this hour is found in its own.
                at = Question("e.port = ? AND e.at BETWEEN ? AND ?", (port, hour, until))
                self._read(within, at)

    def _hours(self, high: int) -> Iterator[int]:
        """The hours to look at, until no event of an earlier one can be among the newest."""
        first, last = self._event_ids.times(Ids(self._ids.low, high))
        for day in range(last // _DAY_US * _DAY_US, first - _DAY_US, -_DAY_US):
            if self._event_ids.between(None, day + _DAY_US - 1).high < self._lowest:
                return
            if self._filter.is_counted(_DAY_US, day):
                yield from (day + hour * _HOUR_US for hour in reversed(range(_HOURS)))

    def _read(self, ids: Ids, also: Question = ANY) -> None:
        if ids.low > ids.high:
            return
        where, parameters = self._filter.condition
        found = self._connection.execute(
            f"SELECT e.id FROM event e WHERE {also.sql} AND e.id BETWEEN ? AND ? AND {where}"
            " ORDER BY e.id DESC LIMIT ?",
            (*also.parameters, *ids, *parameters, self._filters.limit),
        )
        for (event_id,) in found:
            if len(self._found) < self._filters.limit:
                heapq.heappush(self._found, event_id)
            elif event_id > self._found[0]:
                heapq.heapreplace(self._found, event_id)
            else:
                return
