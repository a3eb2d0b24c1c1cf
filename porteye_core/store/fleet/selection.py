"""A selection of listeners or events of many hosts, and the conditions that it means in SQL."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from porteye_core.model import Kind, Protocol
from porteye_core.reach import Exposure
from porteye_core.store.fleet.reader import FleetReader

# ASCII texts by the index of their trigrams, those with other letters one by one.
_PROGRAMS = r"""
SELECT id FROM program
WHERE lower((name || E'\n' || title || E'\n' || cmdline) COLLATE "C") LIKE %(pattern)s
UNION
SELECT id FROM program
WHERE octet_length(name || title || cmdline) != length(name || title || cmdline)
    AND one_host.casefold(name || E'\n' || title || E'\n' || cmdline) LIKE %(pattern)s
ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """The wanted listeners or events; empty or None: all of them.

    hosts: their numbers. ports: inclusive ranges. program: part of a name, title or command line,
    in any case. kind, since, until: of events alone.
    """

    hosts: tuple[int, ...] = ()
    ports: tuple[tuple[int, int], ...] = ()
    program: str = ""
    protocol: Protocol | None = None
    exposure: tuple[Exposure, ...] = ()
    kind: Kind | None = None
    since: int | None = None
    until: int | None = None


@dataclass(slots=True)
class Conditions:
    """Conditions, all of which hold, with their parameters."""

    sql: list[str] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)

    def add(self, condition: str, **parameters: Any) -> None:
        """Add one more."""
        self.sql.append(condition)
        self.parameters.update(parameters)

    def __str__(self) -> str:
        return " AND ".join(self.sql) or "TRUE"


def key_conditions(wanted: Selection, of: str) -> Conditions:
    """The conditions on host, port and protocol, for the rows that the statement calls `of`."""
    found = Conditions()
    if len(wanted.hosts) == 1:
        found.add(f"{of}.host_id = %(host)s", host=wanted.hosts[0])
    elif wanted.hosts:
        found.add(f"{of}.host_id = ANY (%(hosts)s)", hosts=list(wanted.hosts))
    if wanted.ports:
        found.add(f"({' OR '.join(_ranges(wanted, of, found))})")
    if wanted.protocol is not None:
        found.add(f"{of}.protocol = %(protocol)s", protocol=wanted.protocol.value)
    return found


def _ranges(wanted: Selection, of: str, found: Conditions) -> Iterator[str]:
    for place, (low, high) in enumerate(wanted.ports):
        found.parameters |= {f"low{place}": low, f"high{place}": high}
        if low == high:
            yield f"{of}.port = %(low{place})s"
        else:
            yield f"{of}.port BETWEEN %(low{place})s AND %(high{place})s"


def row_conditions(reader: FleetReader, wanted: Selection, of: str) -> Conditions:
    """The conditions on what a listener or event is beside its key."""
    found = Conditions()
    if wanted.program:
        found.add(
            f"{of}.program_id = ANY (%(programs)s)", programs=programs(reader, wanted.program)
        )
    if wanted.exposure:
        found.add(
            f"{of}.exposure = ANY (%(exposure)s::exposure[])",
            exposure=[each.value for each in wanted.exposure],
        )
    return found


def programs(reader: FleetReader, text: str) -> list[int]:
    """The programs whose name, title or command line has this text, in any case."""
    folded = text.casefold()
    for letter in "\\%_":
        folded = folded.replace(letter, f"\\{letter}")
    return [row[0] for row in reader.rows(_PROGRAMS, {"pattern": f"%{folded}%"})]
