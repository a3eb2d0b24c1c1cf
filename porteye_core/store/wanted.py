"""What filters ask of single events, and where that is found."""

import json
from functools import cached_property
from typing import Any, NamedTuple

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.queries import Question, process_condition


class Keys(NamedTuple):
    """An indexed column of event, and the values of it that have all that is wanted."""

    column: str
    values: list[int]


class Indexed(NamedTuple):
    """The ids of events as one index has them."""

    sql: str
    parameters: tuple[Any, ...]

    @property
    def ids(self) -> Question:
        """That a row `e` of event is one of them."""
        return Question(f"e.id IN ({self.sql})", self.parameters)


class Wanted:
    """The filters of one look: ports, the programs that match, protocol, times."""

    def __init__(self, connection: engine.Connection, filters: Filters) -> None:
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
        if self.programs is not None or self.protocol:
            return None
        if all(low == high for low, high in self.ports):
            return Keys("e.port", ports)
        return None

    @cached_property
    def indexed(self) -> list[Indexed]:
        """What has all that is wanted, and maybe more: the events of the ports, and those of the
        programs."""
        found = []
        if self.ports is not None:
            either = " OR ".join(["port BETWEEN ? AND ?"] * len(self.ports))
            bounds = tuple(bound for pair in self.ports for bound in pair)
            found.append(Indexed(f"SELECT id FROM event WHERE {either}", bounds))
        if self.programs is not None:
            numbers = json.dumps(self.programs)
            of_each = (
                "SELECT e.id FROM json_each(?) j CROSS JOIN event e WHERE e.program_id = j.value"
            )
            found.append(Indexed(of_each, (numbers,)))
        return found

    @property
    def is_by_program(self) -> bool:
        """Whether the programs alone tell what is wanted."""
        return self.protocol is None and self.ports is None

    @cached_property
    def condition(self) -> Question:
        """On a row `e` of event; it leads SQLite to no index but that of the rowid."""
        clauses, parameters = ["TRUE"], list[Any]()
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
        clauses, parameters = ["TRUE"], list[Any]()
        if self.ports is not None:
            either = " OR ".join([f"{port} BETWEEN ? AND ?"] * len(self.ports))
            clauses.append(f"({either})")
            parameters += [bound for pair in self.ports for bound in pair]
        if self.programs is not None:
            clauses.append(f"{program} IN (SELECT value FROM json_each(?))")
            parameters.append(json.dumps(self.programs))
        return Question(" AND ".join(clauses), tuple(parameters))
