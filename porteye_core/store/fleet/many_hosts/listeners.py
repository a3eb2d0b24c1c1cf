"""Listeners of many hosts: those that are open, and those that were open at a moment."""

from dataclasses import dataclass
from typing import Any

from porteye_core.store.fleet.many_hosts.reader import FleetReader
from porteye_core.store.fleet.many_hosts.selection import (
    Conditions,
    Selection,
    key_conditions,
    listener_conditions,
    together,
)

_HOUR = 3_600_000_000
# Lives of a class that were open at a moment closed at most the class's length after it.
_CLASSES = ((0, _HOUR), (1, 24 * _HOUR), (2, None))

# The rows are chosen before anything is joined to them: the planner takes what was open at a moment
# for a single row, and would compare every one with every host.
_LISTENERS = """
SELECT l.host_id, l.host, l.id, l.port, l.protocol, l.address, l.exposure::text, g.title, p.pid,
    coalesce(g."user", l."user"), p.unit, l.opened_at, l.opened_seen, l.closed_at, l.hidden,
    p.container, c.container_name, c.pod, l.interface, l.v6only
FROM ({rows} ORDER BY port, protocol, host, address, id LIMIT %(limit)s) l
LEFT JOIN program g ON g.id = l.program_id
LEFT JOIN process p ON p.host_id = l.host_id AND p.id = l.process_id
LEFT JOIN container c ON c.host_id = p.host_id AND c.id = p.container_id
ORDER BY l.port, l.protocol, l.host, l.address, l.id
"""
_ROWS = """
SELECT l.host_id, (SELECT h.name FROM host h WHERE h.host_id = l.host_id) AS host, l.id, l.port,
    l.protocol, l.address, l.exposure, l."user", l.program_id, l.process_id, l.opened_at,
    l.opened_seen, l.hidden, l.interface, l.v6only, {closed} AS closed_at
FROM {listeners} l WHERE {where}
"""
# The last port of an answer of this length: what is beyond it is not read.
_FIRST_PORTS = """
SELECT max(port) AS port FROM ((SELECT l.port FROM open_listener l WHERE {is_open}
        ORDER BY l.port LIMIT %(limit)s)
    UNION ALL SELECT port FROM found ORDER BY port LIMIT %(limit)s) p
"""
_FOUND_LIVES = (
    "SELECT l.* FROM found f JOIN life l"
    " ON l.host_id = f.host_id AND l.id = f.id AND l.closed_at = f.closed_at"
)
# Of a retired host nothing is known from then on.
OF_THE_RETIRED = "(SELECT r.host_id FROM host r WHERE r.retired_at <= {at})"
# One service of many hosts: a port, who has it, and whom it lets in.
# One row for each host first: to count the distinct ones of each service sorts every listener.
_SERVICES = """
SELECT s.port, s.protocol, s.program, s.exposure::text, count(*), sum(s.listeners)::bigint,
    min(s.since)
FROM (SELECT l.port, l.protocol, coalesce(g.title, '') AS program, l.exposure, l.host_id,
        count(*) AS listeners, min(l.opened_at) AS since
    FROM open_listener l LEFT JOIN program g ON g.id = l.program_id
    WHERE {where} GROUP BY 1, 2, 3, 4, 5) s
GROUP BY s.port, s.protocol, s.program, s.exposure
ORDER BY 5 DESC, 1, 2, 3, 4 LIMIT %(limit)s
"""
# Of all hosts they are counted already.
_COUNTED_SERVICES = """
SELECT l.port, l.protocol, l.program, l.exposure::text, l.hosts, l.listeners, l.since
FROM fleet_service l WHERE {where} ORDER BY l.hosts DESC, 1, 2, 3, 4 LIMIT %(limit)s
"""
_PORTS = """
SELECT port, protocol, count(*), count(DISTINCT host_id) FROM ({rows}) l
GROUP BY 1, 2 ORDER BY 4 DESC, 3 DESC, 1, 2 LIMIT %(limit)s
"""
_HOSTS = """
SELECT host_id, h.name, n FROM (SELECT host_id, count(*) AS n FROM ({rows}) l GROUP BY 1) l
JOIN host h USING (host_id) ORDER BY 3 DESC, 2, 1 LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class FleetListener:
    """A listener of a host; closed_at: None if it is open, as far as its host has shipped.

    hidden: the reason for which its owner is not known. interface, v6only: what its address means.
    """

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
    hidden: str | None = None
    container: str | None = None
    container_name: str | None = None
    pod: str | None = None
    interface: str | None = None
    v6only: int | None = None


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
    where = open_conditions(reader, wanted)
    rows = _ROWS.format(listeners="open_listener", closed="NULL::bigint", where=where)
    found = reader.rows(_LISTENERS.format(rows=rows), {**where.parameters, "limit": limit})
    return [FleetListener(*row) for row in found]


def count_now(reader: FleetReader, wanted: Selection) -> int:
    """The number of open listeners of hosts that are not retired. Raises FleetError."""
    if wanted.is_counted:
        where = _both(reader, wanted)
        statement = "SELECT coalesce(sum(l.listeners), 0) FROM fleet_service l"
    else:
        where = open_conditions(reader, wanted)
        statement = "SELECT count(*) FROM open_listener l"
    return int(reader.rows(f"{statement} WHERE {where}", where.parameters)[0][0])


def services(reader: FleetReader, wanted: Selection, limit: int = 1000) -> list[Service]:
    """The open services, those of most hosts first; with exposures: who lets whom in on which port.
    Raises FleetError."""
    if wanted.is_counted:
        statement, where = _COUNTED_SERVICES, _both(reader, wanted)
    else:
        statement, where = _SERVICES, open_conditions(reader, wanted)
    found = reader.rows(statement.format(where=where), {**where.parameters, "limit": limit})
    return [Service(*row) for row in found]


def count_services(reader: FleetReader, wanted: Selection) -> int:
    """The number of open services. Raises FleetError."""
    if wanted.is_counted:
        where = _both(reader, wanted)
        statement = f"SELECT count(*) FROM fleet_service l WHERE {where}"
    else:
        where = open_conditions(reader, wanted)
        statement = f"""SELECT count(*) FROM (SELECT FROM open_listener l
            LEFT JOIN program g ON g.id = l.program_id WHERE {where}
            GROUP BY l.port, l.protocol, coalesce(g.title, ''), l.exposure) s"""
    return int(reader.rows(statement, where.parameters)[0][0])


def open_at(
    reader: FleetReader, wanted: Selection, at: int, limit: int = 1000
) -> list[FleetListener]:
    """The listeners that were open at a moment, by port. Raises FleetError."""
    key, row = key_conditions(wanted, "l"), listener_conditions(reader, wanted, "l")
    parameters = {**key.parameters, **row.parameters, "at": at, "limit": limit}
    is_open, first = is_open_since(key), _FIRST_PORTS
    if row.sql:  # it is not known before the rows are read how many ports the answer has
        first = "SELECT 65535 AS port"
    still = _ROWS.format(
        listeners="open_listener",
        closed="NULL::bigint",
        where=f"l.port <= (SELECT port FROM first) AND {is_open} AND {row}",
    )
    gone = f"({_FOUND_LIVES} WHERE f.port <= (SELECT port FROM first))"
    rows = f"{still} UNION ALL {_ROWS.format(listeners=gone, closed='l.closed_at', where=row)}"
    found = reader.rows(
        f"WITH found AS MATERIALIZED ({closed_since(key)})"
        f", first AS MATERIALIZED ({first.format(is_open=is_open)})"
        f" {_LISTENERS.format(rows=rows)}",
        parameters,
    )
    return [FleetListener(*each) for each in found]


def count_at(reader: FleetReader, wanted: Selection, at: int) -> int:
    """The number of listeners that were open at a moment. Raises FleetError."""
    return int(_counted(reader, wanted, at, "SELECT count(*) FROM ({rows}) l", 1)[0][0])


def ports_at(reader: FleetReader, wanted: Selection, at: int, limit: int = 1000) -> list[PortCount]:
    """The ports that were open at a moment, those of most hosts first. Raises FleetError."""
    # Each part is sorted by itself: an index has one of them in this order.
    order = "ORDER BY port, protocol"
    return [PortCount(*row) for row in _counted(reader, wanted, at, _PORTS, limit, order)]


def hosts_at(
    reader: FleetReader, wanted: Selection, at: int, limit: int = 10_000
) -> list[HostCount]:
    """The number of listeners that were open on each host at a moment. Raises FleetError."""
    return [HostCount(*row) for row in _counted(reader, wanted, at, _HOSTS, limit)]


def _counted(
    reader: FleetReader, wanted: Selection, at: int, counts: str, limit: int, order: str = ""
) -> list[tuple[Any, ...]]:
    """Counts of what was open at a moment. Host, port and protocol are chosen in indexes alone."""
    key, row = key_conditions(wanted, "l"), listener_conditions(reader, wanted, "l")
    gone = closed_since(key)
    if row.sql:
        gone = f"SELECT * FROM ({_FOUND_LIVES.replace('found f', f'({gone}) f')}) l WHERE {row}"
    rows = (
        "(SELECT l.port, l.protocol, l.host_id FROM open_listener l"
        f" WHERE {is_open_since(key)} AND {row} {order}) UNION ALL"
        f" (SELECT port, protocol, host_id FROM ({gone}) AS c {order})"
    )
    parameters = {**key.parameters, **row.parameters, "at": at, "limit": limit}
    return reader.rows(counts.format(rows=rows), parameters)


def open_conditions(reader: FleetReader, wanted: Selection) -> Conditions:
    """The conditions of a listener that is open on a host that is not retired."""
    where = _both(reader, wanted)
    where.add(f"l.host_id NOT IN {OF_THE_RETIRED.format(at='now_us()')}")
    return where


def _both(reader: FleetReader, wanted: Selection) -> Conditions:
    """The conditions on what a listener is."""
    return together(key_conditions(wanted, "l"), listener_conditions(reader, wanted, "l"))


def is_open_since(key: Conditions) -> str:
    """The condition of listeners that were open at a moment and are still."""
    retired = OF_THE_RETIRED.format(at="%(at)s")
    return f"l.opened_at <= %(at)s AND {key} AND l.host_id NOT IN {retired}"


def closed_since(key: Conditions) -> str:
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
