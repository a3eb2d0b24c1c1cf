"""Events and listeners of many hosts with all that a record tells of them, by their keys.

A row is a mapping that has the names of columns that store.reading.json_records takes, and `host`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from porteye_core.store.fleet.many_hosts.newest_events import EventPlace
from porteye_core.store.fleet.many_hosts.reader import FleetReader

Row = dict[str, Any]

NAMESPACE = """CASE WHEN m.netns IS NULL OR l.netns = m.netns THEN 'own'
    WHEN l.netns IS NULL THEN 'unknown' ELSE 'other' END"""
"""Namespace of a listener `l` of a machine `m`; a host without namespaces has no netns."""
# Later than any handing on: who has it now.
_NOW = 2**63 - 1
# Samples stay at the host.
_SAMPLE = ", ".join(f"NULL AS {name}" for name in ("cpu", "rss", "clients", "queue", "backlog"))
_NAMES = ("container_name", "image", "compose_project", "compose_service", "pod", "pod_namespace")
# The owner of a moment is that of `former` which was next to be replaced, if there is one.
_OWNER = f"""
    p.pid, coalesce(f.unit, p.unit) AS unit, coalesce(f.container, p.container) AS container,
    {", ".join(f"c.{name}" for name in _NAMES)},
    g.name AS process, g.title, g.exe, g.cmdline, coalesce(g."user", l."user") AS "user"
"""
_OF_THE_OWNER = """
LEFT JOIN former f ON f.host_id = k.host_id AND f.listener_id = {listener} AND f.until =
    (SELECT min(x.until) FROM former x
    WHERE x.host_id = k.host_id AND x.listener_id = {listener} AND x.until > {at})
LEFT JOIN process p ON p.host_id = k.host_id
    AND p.id = CASE WHEN f.until IS NULL THEN l.process_id ELSE f.process_id END
LEFT JOIN container c ON c.host_id = k.host_id AND c.id = p.container_id
LEFT JOIN program g ON g.id = {program}
"""
_LIFE = """family::text, address, port, protocol::text, netns, interface, interface_kind::text,
    v6only, "user", hidden::text, opened_at, opened_seen::text, unseen_at, machine, process_id,
    program_id, exposure::text"""
# LIMIT lets the planner expect a row for each key; else it expects one in all, and reads whole
# tables for each. The listener may have been dropped with its partition.
_EVENTS = f"""
SELECT h.name AS host, e.host_id, e.id, e.at, e.kind, e.seen, e.port, e.protocol,
    coalesce(l.family, CASE WHEN strpos(e.address, ':') > 0 THEN 'ipv6' ELSE 'ipv4' END) AS family,
    e.address, l.interface, l.interface_kind, l.v6only, e.exposure::text AS exposure,
    {NAMESPACE} AS namespace,
    CASE WHEN l.family IS NULL THEN e.hidden ELSE l.hidden END AS hidden,
    e.listener_id AS listener, {_OWNER}
FROM unnest(%(of_hosts)s::integer[], %(of_ids)s::bigint[], %(of_times)s::bigint[])
    WITH ORDINALITY AS k(host_id, id, at, place)
JOIN LATERAL (SELECT * FROM event o
    WHERE o.host_id = k.host_id AND o.id = k.id AND o.at = k.at LIMIT 1) e ON TRUE
JOIN host h ON h.host_id = k.host_id
LEFT JOIN LATERAL (
    SELECT {_LIFE} FROM open_listener o WHERE o.host_id = k.host_id AND o.id = e.listener_id
    UNION ALL
    SELECT {_LIFE} FROM life v
    WHERE v.host_id = k.host_id AND v.id = e.listener_id AND v.closed_at >= k.at
    LIMIT 1) l ON TRUE
LEFT JOIN machine m ON m.host_id = k.host_id AND m.id = l.machine
{_OF_THE_OWNER.format(listener="e.listener_id", at="e.at", program="e.program_id")}
ORDER BY k.place
"""
_LISTENERS = f"""
SELECT h.name AS host, k.host_id, k.id, l.port, l.protocol, l.family, l.address, l.interface,
    l.interface_kind, l.v6only, l.exposure, l.netns, {NAMESPACE} AS namespace,
    l."user" AS socket_user, l.opened_at, l.opened_seen, k.closed_at, l.closed_seen, l.unseen_at,
    l.hidden, m.memory, {_SAMPLE}, {_OWNER}
FROM unnest(%(of_hosts)s::integer[], %(of_ids)s::bigint[], %(of_times)s::bigint[])
    WITH ORDINALITY AS k(host_id, id, closed_at, place)
JOIN host h ON h.host_id = k.host_id
JOIN LATERAL (
    SELECT {_LIFE}, NULL::text AS closed_seen FROM open_listener o
    WHERE k.closed_at IS NULL AND o.host_id = k.host_id AND o.id = k.id
    UNION ALL
    SELECT {_LIFE}, closed_seen::text FROM life v
    WHERE v.host_id = k.host_id AND v.id = k.id AND v.closed_at = k.closed_at LIMIT 1) l ON TRUE
LEFT JOIN machine m ON m.host_id = k.host_id AND m.id = l.machine
{
    _OF_THE_OWNER.format(
        listener="k.id",
        at="%(then)s",
        program="CASE WHEN f.until IS NULL THEN l.program_id ELSE f.program_id END",
    )
}
ORDER BY k.place
"""


class LifeKey(NamedTuple):
    """A listener of a host; closed_at: None if it is open."""

    host_id: int
    id: int
    closed_at: int | None


def event_rows(reader: FleetReader, places: Sequence[EventPlace]) -> list[Row]:
    """The events of these places, in this order. Raises FleetError."""
    keys = {
        "of_hosts": [place.host_id for place in places],
        "of_ids": [place.id for place in places],
        "of_times": [place.at for place in places],
    }
    return reader.records(_EVENTS, keys)


def place_of(row: Row) -> EventPlace:
    """The place of the event of a row, from which the next page goes on."""
    return EventPlace(row["at"], row["host_id"], row["id"])


def listener_rows(reader: FleetReader, keys: Sequence[LifeKey], at: int = _NOW) -> list[Row]:
    """The listeners of these keys, in this order, each with its owner at a moment. Raises
    FleetError."""
    of = {
        "of_hosts": [key.host_id for key in keys],
        "of_ids": [key.id for key in keys],
        "of_times": [key.closed_at for key in keys],
        "then": at,
    }
    return reader.records(_LISTENERS, of)
