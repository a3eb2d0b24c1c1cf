"""Numbers of each host: what others reach there, and the ports of what a selection means."""

from dataclasses import dataclass
from typing import Any

from porteye_core.reach import REACHABLE
from porteye_core.store.fleet.reader import FleetReader
from porteye_core.store.fleet.selection import Selection, key_conditions, listener_conditions

_EXPOSED = """
SELECT l.host_id, count(*) FROM open_listener l
WHERE l.exposure = ANY (%(reachable)s::exposure[]) GROUP BY 1
"""
# A port counts once for each host, however many sockets it has.
_PORTS = """
SELECT p.host_id, h.name, sum(p.listeners)::bigint, array_agg(DISTINCT p.exposure::text),
    (array_agg(DISTINCT p.port ORDER BY p.port))[:%(most)s], count(DISTINCT p.port), min(p.since)
FROM (SELECT l.host_id, l.port, l.exposure, count(*) AS listeners, min(l.opened_at) AS since
    FROM open_listener l WHERE {where} GROUP BY 1, 2, 3) p
JOIN host h ON h.host_id = p.host_id AND h.retired_at IS NULL
GROUP BY 1, 2 ORDER BY 3 DESC, 2 LIMIT %(limit)s
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


def exposed_counts(reader: FleetReader) -> dict[int, int]:
    """The number of open listeners of each host that other machines reach. Raises FleetError."""
    found = reader.rows(_EXPOSED, {"reachable": [each.value for each in REACHABLE]})
    return dict(found)


def ports_by_host(reader: FleetReader, wanted: Selection, limit: int = 1000) -> list[HostPorts]:
    """The hosts with what they have open, those with most first. Raises FleetError."""
    key, row = key_conditions(wanted, "l"), listener_conditions(reader, wanted, "l")
    where = " AND ".join([*key.sql, *row.sql]) or "TRUE"
    values: dict[str, Any] = {**key.parameters, **row.parameters}
    values |= {"limit": limit, "most": _MOST_PORTS}
    return [
        HostPorts(host, name, listeners, tuple(exposures), tuple(ports), count, since)
        for host, name, listeners, exposures, ports, count, since in reader.rows(
            _PORTS.format(where=where), values
        )
    ]
