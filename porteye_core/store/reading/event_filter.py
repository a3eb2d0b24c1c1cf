"""Filters for single events: the condition, and the indexes that lead to few rows."""

import json
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.reading.listener_rows import (
    HOME_OF_EVENT,
    Question,
    every,
    in_ranges,
    matching_columns,
    matching_listener,
    needs_listener,
    process_condition,
)


class IndexedColumn(NamedTuple):
    """An indexed column of event, and the values of it that have all that is wanted."""

    column: str
    values: list[int]


class IndexedIds(NamedTuple):
    """The ids of events as one index has them."""

    sql: str
    parameters: tuple[Any, ...]

    @property
    def ids(self) -> Question:
        """Condition that a row `e` of event has one of these ids."""
        return Question(f"e.id IN ({self.sql})", self.parameters)


class EventFilter:
    """The filters of one search: ports, the programs that match, protocol, those that only the row
    of a listener can answer, kind, times."""

    def __init__(self, connection: engine.Connection, filters: Filters) -> None:
        self._connection, self._filters = connection, filters
        self.ports = filters.ports or None
        self.protocol = filters.protocol
        self.kind = filters.kind
        self.needs_listener = needs_listener(filters)
        self.programs: list[int] | None = None
        if filters.process:
            where, parameters = process_condition(filters.process)
            found = connection.execute(f"SELECT id FROM program WHERE {where}", parameters)
            self.programs = [program_id for (program_id,) in found]

    @property
    def is_nothing(self) -> bool:
        """True if no event can match: no program has the name."""
        return self.programs == []

    @cached_property
    def keys(self) -> IndexedColumn | None:
        """The indexed column that leads to all matches, None if no single index does."""
        if self.ports is None:
            return None if self.programs is None else IndexedColumn("e.program_id", self.programs)
        ports = sorted({low for low, high in self.ports if low == high})
        if self.programs is not None or self.reads_listeners:
            return None
        if all(low == high for low, high in self.ports):
            return IndexedColumn("e.port", ports)
        return None

    @cached_property
    def indexed(self) -> list[IndexedIds]:
        """Index ranges of which each has all matches, and maybe more: the events of the ports,
        those of the programs, and those of the user's programs and of unknown ones."""
        found = []
        if self.ports is not None:
            of_ports = in_ranges(self.ports, "port")
            found.append(
                IndexedIds(f"SELECT id FROM event WHERE {of_ports.sql}", of_ports.parameters)
            )
        if self.programs is not None:
            program_ids = json.dumps(self.programs)
            of_each = (
                "SELECT e.id FROM json_each(?) j CROSS JOIN event e WHERE e.program_id = j.value"
            )
            found.append(IndexedIds(of_each, (program_ids,)))
        if self._filters.user:
            of_user = (
                "SELECT e.id FROM program g CROSS JOIN event e"
                " WHERE g.user = ? AND e.program_id = g.id"
                " UNION ALL SELECT id FROM event WHERE program_id IS NULL"
            )
            found.append(IndexedIds(of_user, (self._filters.user,)))
        return found

    @property
    def reads_listeners(self) -> bool:
        """True if the condition reads the listener of each event."""
        return self.protocol is not None or self.needs_listener

    @cached_property
    def condition(self) -> Question:
        """On a row `e` of event; it leads SQLite to no index but that of the rowid."""
        since, until = self._filters.since, self._filters.until
        conditions = [
            matching_columns(
                replace(self._filters, protocol=None),
                "+e.port",
                "+e.program_id",
                "",
                self.programs,
            )
        ]
        if since is not None:
            conditions.append(Question("+e.at >= ?", (since,)))
        if until is not None:
            conditions.append(Question("+e.at <= ?", (until,)))
        if self.kind:
            conditions.append(Question("e.kind = ?", (self.kind,)))
        if self.reads_listeners:
            of_listener = every(
                matching_columns(Filters(protocol=self.protocol), "", "", "l.protocol"),
                matching_listener(self._filters, "e.program_id", HOME_OF_EVENT),
            )
            listener = f"SELECT 1 FROM listener l WHERE l.id = e.listener_id AND {of_listener.sql}"
            conditions.append(Question(f"EXISTS ({listener})", of_listener.parameters))
        return every(*conditions)

    def is_counted(self, resolution_us: int, bucket: int) -> bool:
        """True if activity counts any match in this bucket."""
        return self._counted("1", resolution_us, bucket, "LIMIT 1") != []

    def counted_ports(self, resolution_us: int, bucket: int) -> list[int]:
        """The ports that have a match in this bucket of activity."""
        return self._counted("DISTINCT a.port", resolution_us, bucket)

    @cached_property
    def counted(self) -> Question:
        """On a row `a` of activity; it has every match, and others where the filters need the row
        of a listener."""
        return matching_columns(
            self._filters, "a.port", "+a.program_id", "a.protocol", self.programs
        )

    def _counted(self, what: str, resolution_us: int, bucket: int, end: str = "") -> list[int]:
        where, parameters = self.counted
        found = self._connection.execute(
            f"SELECT {what} FROM activity a WHERE a.resolution = ? AND a.bucket = ? AND {where}"
            f" {end}",
            (resolution_us // 1_000_000, bucket, *parameters),
        )
        return [program_id for (program_id,) in found]
