"""Openings and closings over all hosts, by the hour and by the day."""

from dataclasses import dataclass, replace
from typing import Any

from porteye_core.store.fleet.many_hosts.reader import FleetReader
from porteye_core.store.fleet.many_hosts.selection import (
    EPHEMERAL,
    Conditions,
    Selection,
    event_conditions,
    key_conditions,
    together,
)

_HOUR = 3_600_000_000
_DAY = 24 * _HOUR
_BUCKETS = """
SELECT bucket - bucket %% %(size)s::bigint, sum(opened)::bigint, sum(closed)::bigint
FROM fleet_turnover WHERE bucket >= %(since)s AND bucket < %(until)s GROUP BY 1 ORDER BY 1
"""
_BUCKETS_OF_PORT = """
SELECT at - at %% %(size)s::bigint, count(*) FILTER (WHERE kind = 'opened'),
    count(*) FILTER (WHERE kind = 'closed')
FROM event WHERE port = %(port)s AND at >= %(since)s AND at < %(until)s GROUP BY 1 ORDER BY 1
"""
_DAYS_OF_PORT = """
SELECT bucket, sum(opened)::bigint, sum(closed)::bigint FROM fleet_port_turnover
WHERE port = %(port)s AND bucket = ANY (%(days)s) GROUP BY 1 ORDER BY 1
"""
_BUSIEST = """
SELECT port, protocol, sum(opened)::bigint AS opened, sum(closed)::bigint AS closed
FROM fleet_port_turnover WHERE bucket = ANY (%(days)s)
GROUP BY 1, 2 ORDER BY sum(opened) + sum(closed) DESC, 1, 2 LIMIT %(limit)s
"""
# Where no count is kept of what is wanted, its events are counted.
_COUNTS = "count(*) FILTER (WHERE e.kind = 'opened'), count(*) FILTER (WHERE e.kind = 'closed')"
_BUCKETS_OF_EVENTS = f"""
SELECT e.at - e.at %% %(size)s::bigint, {_COUNTS} FROM event e WHERE {{where}} GROUP BY 1 ORDER BY 1
"""
_BUSIEST_OF_EVENTS = f"""
SELECT least(e.port, {EPHEMERAL}), e.protocol, {_COUNTS} FROM event e WHERE {{where}}
GROUP BY 1, 2 ORDER BY count(*) DESC, 1, 2 LIMIT %(limit)s
"""
# Of the busiest of each day, and of what no list has yet, those that can be the busiest of all.
# With the most events that a port had which is in no list.
_BUSIEST_OF_LISTS = """
WITH every AS (
    SELECT bucket, port, protocol, events FROM fleet_port_most WHERE bucket = ANY (%(days)s)
    UNION ALL (SELECT 0, port, protocol, sum(opened + closed)::bigint AS events
        FROM fleet_port_turnover WHERE slot < 16 AND bucket >= %(since)s AND bucket < %(until)s
        GROUP BY port, protocol ORDER BY 4 DESC LIMIT {most}))
, listed AS (SELECT port, protocol, sum(events) AS events FROM every GROUP BY port, protocol)
, others AS (SELECT coalesce(sum(l.events), 0)::bigint AS events FROM
    (SELECT min(events) AS events FROM every GROUP BY bucket HAVING count(*) >= {most}) l)
SELECT l.port, l.protocol, t.opened, t.closed, o.events
FROM listed l CROSS JOIN others o CROSS JOIN LATERAL (
    SELECT sum(t.opened)::bigint AS opened, sum(t.closed)::bigint AS closed
    FROM fleet_port_turnover t
    WHERE t.bucket = ANY (%(days)s) AND t.port = l.port AND t.protocol = l.protocol) t
WHERE l.events + o.events >= coalesce((SELECT events FROM listed ORDER BY events DESC
    LIMIT 1 OFFSET %(limit)s - 1), 0)
ORDER BY t.opened + t.closed DESC, 1, 2 LIMIT %(limit)s
"""
_LISTED = 100  # ports of a day in fleet_port_most


@dataclass(frozen=True, slots=True)
class Bucket:
    """An hour or a day, by its beginning, with what opened and closed in it."""

    at: int
    opened: int
    closed: int


@dataclass(frozen=True, slots=True)
class BusyPort:
    """A port with what opened and closed; that of 32768 is all from there on."""

    port: int
    protocol: str
    opened: int
    closed: int


def by_hour(reader: FleetReader, since: int, until: int, port: int | None = None) -> list[Bucket]:
    """The hours of this time that have events, whole ones. Raises FleetError."""
    statement = _BUCKETS if port is None else _BUCKETS_OF_PORT
    return _buckets(reader, statement, _whole(since, until, _HOUR), port)


def by_day(reader: FleetReader, since: int, until: int, port: int | None = None) -> list[Bucket]:
    """The days, of UTC, of this time that have events, whole ones. Raises FleetError."""
    statement = _BUCKETS
    if port is not None:
        statement = _DAYS_OF_PORT if port < EPHEMERAL else _BUCKETS_OF_PORT
    return _buckets(reader, statement, _whole(since, until, _DAY), port)


def busiest_ports(reader: FleetReader, since: int, until: int, limit: int = 20) -> list[BusyPort]:
    """The ports of most openings and closings in the days of this time, whole ones. Raises
    FleetError."""
    time = {**_days(_whole(since, until, _DAY)), "limit": limit}
    listed = reader.rows(_BUSIEST_OF_LISTS.format(most=_LISTED), time)
    others = listed[0][-1] if listed else 0
    found = [BusyPort(*row[:-1]) for row in listed]
    if others and (len(found) < limit or found[-1].opened + found[-1].closed <= others):
        found = [BusyPort(*row) for row in reader.rows(_BUSIEST, time)]
    return found


def _days(time: dict[str, int]) -> dict[str, Any]:
    return {**time, "days": list(range(time["since"], time["until"], _DAY))}


def buckets(
    reader: FleetReader, wanted: Selection, since: int, until: int, *, days: bool
) -> list[Bucket]:
    """The hours or days of this time in which wanted events are, whole ones; the selection's own
    times do not count. Raises FleetError."""
    size = _DAY if days else _HOUR
    port = _single_port(wanted)
    if wanted == Selection() or port is not None:
        return (by_day if days else by_hour)(reader, since, until, port)
    where = _events(reader, wanted, _whole(since, until, size))
    found = reader.rows(_BUCKETS_OF_EVENTS.format(where=where), where.parameters)
    return [Bucket(*row) for row in found]


def busiest(
    reader: FleetReader, wanted: Selection, since: int, until: int, limit: int = 20
) -> list[BusyPort]:
    """The ports of most wanted events in the days of this time, whole ones; the selection's own
    times do not count. Raises FleetError."""
    if wanted == Selection():
        return busiest_ports(reader, since, until, limit)
    where = _events(reader, wanted, _whole(since, until, _DAY))
    found = reader.rows(
        _BUSIEST_OF_EVENTS.format(where=where), {**where.parameters, "limit": limit}
    )
    return [BusyPort(*row) for row in found]


def _single_port(wanted: Selection) -> int | None:
    """The port, if a selection says a port and nothing else."""
    if len(wanted.ports) != 1 or replace(wanted, ports=()) != Selection():
        return None
    ((low, high),) = wanted.ports
    return low if low == high else None


def _events(reader: FleetReader, wanted: Selection, time: dict[str, int]) -> Conditions:
    """The conditions of wanted events in a time."""
    where = together(key_conditions(wanted, "e"), event_conditions(reader, wanted, "e"))
    where.parameters |= time
    where.add("e.at >= %(since)s AND e.at < %(until)s")
    if wanted.kind is not None:
        where.add("e.kind = %(kind)s", kind=wanted.kind.value)
    return where


def _whole(since: int, until: int, size: int) -> dict[str, int]:
    """The buckets of a size that a time touches.

    >>> _whole(7, 11, 5)
    {'since': 5, 'until': 15, 'size': 5}
    """
    return {"since": since - since % size, "until": until + -until % size, "size": size}


def _buckets(
    reader: FleetReader, statement: str, time: dict[str, int], port: int | None
) -> list[Bucket]:
    return [Bucket(*row) for row in reader.rows(statement, {**_days(time), "port": port})]
