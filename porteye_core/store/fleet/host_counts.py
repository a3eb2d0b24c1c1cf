"""Numbers of each host: what others reach there, and whether it was watched at a moment."""

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
# The watch that had begun last; one whose end is not known goes on as long as its host ships.
_WATCHED = """
SELECT h.host_id, w.ended, w.is_last, EXISTS (SELECT FROM tick t WHERE t.host_id = h.host_id
    AND t.gap > 0 AND t.at >= %(at)s AND t.at - t.gap < %(at)s) AS in_gap
FROM host h LEFT JOIN LATERAL (SELECT coalesce(w.stopped_at, w.seen_at) AS ended,
        w.stopped_at IS NULL AND NOT EXISTS (SELECT FROM watch n
            WHERE n.host_id = w.host_id AND n.id > w.id) AS is_last
    FROM watch w WHERE w.host_id = h.host_id AND w.started_at <= %(at)s
    ORDER BY w.started_at DESC, w.id DESC LIMIT 1) w ON TRUE
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
class WatchedAt:
    """The end of the watch that a host had at a moment, None if it had none yet; is_last: none
    followed, and nobody stopped it; in_gap: it was interrupted then."""

    host_id: int
    ended: int | None
    is_last: bool
    in_gap: bool

    def is_known(self, at: int, *, reports: bool) -> bool:
        """Tell whether the host was watched at this moment; reports: it ships what is so now."""
        if self.ended is None or self.in_gap:
            return False
        return self.ended >= at or (self.is_last and reports)


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


def watched_at(reader: FleetReader, at: int) -> list[WatchedAt]:
    """The watch of each host at a moment. Raises FleetError."""
    return [
        WatchedAt(host, ended, bool(is_last), in_gap)
        for host, ended, is_last, in_gap in reader.rows(_WATCHED, {"at": at})
    ]
