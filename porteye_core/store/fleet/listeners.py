"""Listeners of many hosts: those that are open, and those that were open at a moment."""

from dataclasses import dataclass
from typing import Any

from porteye_core.store.fleet.reader import FleetReader
from porteye_core.store.fleet.selection import (
    Conditions,
    Selection,
    key_conditions,
    row_conditions,
)

_HOUR = 3_600_000_000
# Lives of a class that were open at a moment closed at most the class's length after it.
_CLASSES = ((0, _HOUR), (1, 24 * _HOUR), (2, None))

_COLUMNS = """
SELECT l.host_id, h.name, l.id, l.port, l.protocol, l.address, l.exposure::text, g.title, p.pid,
    g."user", p.unit, l.opened_at, l.opened_seen, {closed}
FROM {listeners} l JOIN host h ON h.host_id = l.host_id
LEFT JOIN program g ON g.id = l.program_id
LEFT JOIN process p ON p.host_id = l.host_id AND p.id = l.process_id
"""
_ORDER = "ORDER BY 4, 5, 2, 6, 3 LIMIT %(limit)s"
# One service of many hosts: a port, who has it, and whom it lets in.
_SERVICES = """
SELECT s.port, s.protocol, coalesce(g.title, '') AS program, s.exposure,
    count(DISTINCT s.host_id), sum(s.listeners)::bigint, min(s.since),
    array_agg(DISTINCT s.host_id ORDER BY s.host_id)
FROM (SELECT l.port, l.protocol, l.program_id, l.exposure::text AS exposure, l.host_id,
        count(*) AS listeners, min(l.opened_at) AS since
    FROM open_listener l WHERE {where} GROUP BY 1, 2, 3, 4, 5) s
JOIN host h ON h.host_id = s.host_id AND h.retired_at IS NULL
LEFT JOIN program g ON g.id = s.program_id
GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 1, 2, 3, 4 LIMIT %(limit)s
"""
# Of a retired host nothing is known from then on.
_IS_KNOWN = "(h.retired_at IS NULL OR h.retired_at > %(at)s)"


@dataclass(frozen=True, slots=True)
class FleetListener:
    """A listener of a host; closed_at: None if it is open, as far as its host has shipped."""

    host_id: int
    host: str
    id: int
    port: int
    protocol: str
    address: str
    exposure: str
    program: str | None
    pid: int | None
    user: str | None
    unit: str | None
    opened_at: int
    opened_seen: str
    closed_at: int | None


@dataclass(frozen=True, slots=True)
class Service:
    """Open listeners of one program on one port with one exposure, on any number of hosts."""

    port: int
    protocol: str
    program: str
    exposure: str
    hosts: int
    listeners: int
    since: int
    host_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PortCount:
    """Listeners that were open on a port, and the number of their hosts."""

    port: int
    protocol: str
    listeners: int
    hosts: int


@dataclass(frozen=True, slots=True)
class HostCount:
    """Listeners that were open on a host."""

    host_id: int
    host: str
    listeners: int


def open_now(reader: FleetReader, wanted: Selection, limit: int = 1000) -> list[FleetListener]:
    """The open listeners of hosts that are not retired, by port. Raises FleetError."""
    where = _all(key_conditions(wanted, "l"), row_conditions(reader, wanted, "l"))
    where.add("h.retired_at IS NULL", limit=limit)
    statement = _COLUMNS.format(listeners="open_listener", closed="NULL::bigint")
    found = reader.rows(f"{statement} WHERE {where} {_ORDER}", where.parameters)
    return [FleetListener(*row) for row in found]


def services(reader: FleetReader, wanted: Selection, limit: int = 1000) -> list[Service]:
    """The open services, those of most hosts first; with exposures: who lets whom in on which port.
    Raises FleetError."""
    where = _all(key_conditions(wanted, "l"), row_conditions(reader, wanted, "l"))
    statement = _SERVICES.format(where=where)
    found = reader.rows(statement, {**where.parameters, "limit": limit})
    return [_service(*row) for row in found]


def _service(*row: Any) -> Service:
    port, protocol, program, exposure, count, listeners, since, host_ids = row
    of_all = count, listeners, since, tuple(host_ids)
    return Service(port, protocol, program, exposure, *of_all)


def open_at(
    reader: FleetReader, wanted: Selection, at: int, limit: int = 1000
) -> list[FleetListener]:
    """The listeners that were open at a moment, by port. Raises FleetError."""
    key, row = key_conditions(wanted, "l"), row_conditions(reader, wanted, "l")
    parameters = {**key.parameters, **row.parameters, "at": at, "limit": limit}
    still = (
        _COLUMNS.format(listeners="open_listener", closed="NULL::bigint")
        + f"WHERE l.opened_at <= %(at)s AND {key} AND {row} AND {_IS_KNOWN}"
    )
    gone = _COLUMNS.format(
        listeners="(SELECT l.* FROM found f JOIN life l"
        " ON l.host_id = f.host_id AND l.id = f.id AND l.closed_at = f.closed_at)",
        closed="l.closed_at",
    )
    found = reader.rows(
        f"WITH found AS MATERIALIZED ({_closed_since(key)})"
        f" ({still}) UNION ALL ({gone} WHERE {row}) {_ORDER}",
        parameters,
    )
    return [FleetListener(*each) for each in found]


def ports_at(reader: FleetReader, wanted: Selection, at: int, limit: int = 1000) -> list[PortCount]:
    """The ports that were open at a moment, those of most hosts first. Raises FleetError."""
    rows = _counted(reader, wanted, at, "port, protocol", limit)
    return [PortCount(port, protocol, count, hosts) for port, protocol, count, hosts in rows]


def hosts_at(
    reader: FleetReader, wanted: Selection, at: int, limit: int = 10_000
) -> list[HostCount]:
    """The number of listeners that were open on each host at a moment. Raises FleetError."""
    rows = _counted(reader, wanted, at, "host_id, name", limit)
    return [HostCount(host, name, count) for host, name, count, _ in rows]


def _counted(
    reader: FleetReader, wanted: Selection, at: int, by: str, limit: int
) -> list[tuple[int, str, int, int]]:
    """Counts by two columns, of listeners chosen by host, port and protocol alone."""
    key = key_conditions(wanted, "l")
    of_host = "JOIN host h ON h.host_id = l.host_id"
    still = (
        f"SELECT l.port, l.protocol, l.host_id FROM open_listener l {of_host}"
        f" WHERE l.opened_at <= %(at)s AND {key} AND {_IS_KNOWN}"
    )
    statement = (
        f"SELECT {by}, sum(n)::bigint, count(DISTINCT host_id) FROM ("
        f"SELECT port, protocol, host_id, count(*) AS n FROM ({still} UNION ALL"
        f" SELECT port, protocol, host_id FROM ({_closed_since(key)}) AS c) AS l GROUP BY 1, 2, 3"
        f") AS l JOIN host USING (host_id) GROUP BY {by} ORDER BY 4 DESC, 3 DESC, 1, 2"
        " LIMIT %(limit)s"
    )
    parameters = {**key.parameters, "at": at, "limit": limit}
    return [(row[0], row[1], row[2], row[3]) for row in reader.rows(statement, parameters)]


def _closed_since(key: Conditions) -> str:
    """The keys of lives that were open at a moment and have closed, from an index alone."""
    parts = []
    for span, length in _CLASSES:
        bound = "" if length is None else f" AND l.closed_at <= %(at)s::bigint + {length}"
        parts.append(
            "SELECT l.host_id, l.id, l.closed_at, l.port, l.protocol FROM life l"
            f" WHERE l.span = {span} AND l.closed_at > %(at)s{bound} AND l.opened_at <= %(at)s"
            f" AND {key}"
        )
    return " UNION ALL ".join(parts)


def _all(*parts: Conditions) -> Conditions:
    together = Conditions()
    for part in parts:
        together.sql += part.sql
        together.parameters |= part.parameters
    return together
