"""Numbers of each host: what others reach there, and the ports of what a selection means."""

from dataclasses import dataclass
from typing import Any

from porteye_core.reach import REACHABLE
from porteye_core.store.fleet.many_hosts.reader import FleetReader
from porteye_core.store.fleet.many_hosts.selection import (
    Selection,
    key_conditions,
    listener_conditions,
    together,
)

# The words of the index, so that it alone is read.
_IS_EXPOSED = ", ".join(f"'{each.value}'" for each in REACHABLE)
_EXPOSED = f"""
SELECT c.host_id, c.listeners FROM (SELECT l.host_id, count(*) AS listeners
    FROM open_listener l WHERE l.exposure IN ({_IS_EXPOSED}) GROUP BY 1) c
JOIN host h ON h.host_id = c.host_id AND h.retired_at IS NULL
"""
# The hosts first, then the ports of those that are shown. A port counts once for each host, however
# many sockets it has.
_PORTS = """
WITH most AS MATERIALIZED (
    SELECT c.host_id, h.name, c.listeners, c.since, count(*) OVER () AS hosts
    FROM (SELECT l.host_id, count(*) AS listeners, min(l.opened_at) AS since
        FROM open_listener l WHERE {where} GROUP BY 1) c
    JOIN host h ON h.host_id = c.host_id AND h.retired_at IS NULL
    ORDER BY 3 DESC, 2, 1 LIMIT %(limit)s)
SELECT m.hosts, m.host_id, m.name, m.listeners, p.exposures, p.ports[:%(most)s],
    cardinality(p.ports), m.since
FROM most m CROSS JOIN LATERAL (SELECT array_agg(DISTINCT l.exposure::text) AS exposures,
    array_agg(DISTINCT l.port ORDER BY l.port) AS ports
    FROM open_listener l WHERE l.host_id = m.host_id AND {where}) p
ORDER BY m.listeners DESC, m.name, m.host_id
"""
_MOST_PORTS = 12


@dataclass(frozen=True, slots=True)
class HostPorts:
    """The open listeners of a host that a selection means; ports: the first of them."""

    host_id: int
    host: str
    listeners: int
    exposures: tuple[str, ...]
    ports: tuple[int, ...]
    port_count: int
    since: int


@dataclass(frozen=True, slots=True)
class HostsWithPorts:
    """The hosts that have most of what a selection means, and the number of all that have any."""

    hosts: tuple[HostPorts, ...]
    count: int


def exposed_counts(reader: FleetReader) -> dict[int, int]:
    """The number of open listeners of each host that other machines reach; a retired host has
    none. Raises FleetError."""
    return dict(reader.rows(_EXPOSED, {}))


def ports_by_host(reader: FleetReader, wanted: Selection, limit: int = 1000) -> HostsWithPorts:
    """The hosts with what they have open, those with most first. Raises FleetError."""
    where = together(key_conditions(wanted, "l"), listener_conditions(reader, wanted, "l"))
    values: dict[str, Any] = {**where.parameters, "limit": limit, "most": _MOST_PORTS}
    found = reader.rows(_PORTS.format(where=where), values)
    hosts = tuple(
        HostPorts(host, name, listeners, tuple(exposures), tuple(ports), count, since)
        for _, host, name, listeners, exposures, ports, count, since in found
    )
    return HostsWithPorts(hosts, found[0][0] if found else 0)
