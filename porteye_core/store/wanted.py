"""What filters ask of single events, and where that is found."""

import json
import sqlite3
from functools import cached_property
from typing import Any, NamedTuple

from porteye_core.model import Filters
from porteye_core.store.queries import Question, process_condition

# As many events are read in a few milliseconds; less than looking into the hours of a month takes.
_FEW_EVENTS = 5_000


class Keys(NamedTuple):
    """An indexed column of event, and the values of it of which all that is wanted has one."""

    column: str
    values: list[int]


class Wanted:
    """The filters of one look: ports, the programs that match, protocol, times."""

    def __init__(self, connection: sqlite3.Connection, filters: Filters) -> None:
        self._connection, self._filters = connection, filters
        self.ports = filters.ports or None
        self.protocol = filters.protocol
        self.programs: list[int] | None = None
        if filters.process:
            where, parameters = process_condition(filters.process)
            found = connection.execute(f"SELECT id FROM program WHERE {where}", parameters)
            self.programs = [number for (number,) in found]

    @property
    def is_nothing(self) -> bool:
        """Whether no event can have it: no program is called so."""
        return self.programs == []

    @cached_property
    def keys(self) -> Keys | None:
        """What to seek, None where no one index leads to it."""
        if self.ports is None:
            return None if self.programs is None else Keys("e.program_id", self.programs)
        ports = sorted({low for low, high in self.ports if low == high})
        single = Keys("e.port", ports) if all(low == high for low, high in self.ports) else None
        if self.programs is None:
            return single
        named = Keys("e.program_id", self.programs)
        return next((keys for keys in (single, named) if keys and self._is_rare(keys)), None)

    def _is_rare(self, keys: Keys) -> bool:
        """Whether so few events have these keys that it is no matter how many have the rest."""
        (found,) = self._connection.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM json_each(?) j CROSS JOIN event e"
            f" ON {keys.column} = j.value LIMIT ?)",
            (json.dumps(keys.values), _FEW_EVENTS + 1),
        ).fetchone()
        return int(found) <= _FEW_EVENTS

    @property
    def is_indexed(self) -> bool:
        """Whether the entries of one index, of ports or of programs, tell all that is wanted."""
        return self.protocol is None and (self.ports is None or self.programs is None)

    @cached_property
    def apart(self) -> list[tuple[int, int]]:
        """The ranges of ports without those that others have in them already."""
        found: list[tuple[int, int]] = []
        for low, high in sorted(self.ports or ()):
            if found and low <= found[-1][1]:
                found[-1] = found[-1][0], max(found[-1][1], high)
            else:
                found.append((low, high))
        return found

    @cached_property
    def condition(self) -> Question:
        """On a row `e` of event; it leads SQLite to no index but that of the rowid."""
        clauses, parameters = ["1"], list[Any]()
        if self._filters.since is not None:
            clauses.append("+e.at >= ?")
            parameters.append(self._filters.since)
        if self._filters.until is not None:
            clauses.append("+e.at <= ?")
            parameters.append(self._filters.until)
        narrow = self._narrow("+e.port", "+e.program_id")
        clauses.append(narrow.sql)
        parameters += narrow.parameters
        if self.protocol:
            clauses.append("(SELECT protocol FROM listener WHERE id = e.listener_id) = ?")
            parameters.append(self.protocol)
        return Question(" AND ".join(clauses), tuple(parameters))

    def is_counted(self, resolution_us: int, bucket: int) -> bool:
        """Whether activity has any of it in this bucket."""
        return self._counted("1", resolution_us, bucket, "LIMIT 1") != []

    def counted_ports(self, resolution_us: int, bucket: int) -> list[int]:
        """The ports of what activity has of it in this bucket."""
        return self._counted("DISTINCT a.port", resolution_us, bucket)

    @cached_property
    def counted(self) -> Question:
        """On a row `a` of activity."""
        narrow = self._narrow("a.port", "+a.program_id")
        if self.protocol is None:
            return narrow
        return Question(f"{narrow.sql} AND a.protocol = ?", (*narrow.parameters, self.protocol))

    def _counted(self, what: str, resolution_us: int, bucket: int, end: str = "") -> list[int]:
        where, parameters = self.counted
        found = self._connection.execute(
            f"SELECT {what} FROM activity a WHERE a.resolution = ? AND a.bucket = ? AND {where}"
            f" {end}",
            (resolution_us // 1_000_000, bucket, *parameters),
        )
        return [number for (number,) in found]

    def _narrow(self, port: str, program: str) -> Question:
        clauses, parameters = ["1"], list[Any]()
        if self.ports is not None:
            either = " OR ".join([f"{port} BETWEEN ? AND ?"] * len(self.ports))
            clauses.append(f"({either})")
            parameters += [bound for pair in self.ports for bound in pair]
        if self.programs is not None:
            clauses.append(f"{program} IN (SELECT value FROM json_each(?))")
            parameters.append(json.dumps(self.programs))
        return Question(" AND ".join(clauses), tuple(parameters))
