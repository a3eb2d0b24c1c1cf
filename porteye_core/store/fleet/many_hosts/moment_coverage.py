"""The coverage of a moment at each host, by which what was open then is more or less certain."""

from collections.abc import Sequence

from porteye_core.store.fleet.hosts import FleetHost, HostState
from porteye_core.store.fleet.many_hosts.reader import FleetReader
from porteye_core.store.reading import Gap, MomentCoverage

# Of a watch that goes on the end is what the host has told.
_AROUND = """
SELECT h.host_id, b.until, b.scans, a.next, t.since, t.until
FROM host h
LEFT JOIN LATERAL (SELECT max(coalesce(w.stopped_at, w.seen_at)) AS until,
        (array_agg(w."interval" ORDER BY w.started_at DESC, w.id DESC))[1] AS scans
    FROM watch w WHERE w.host_id = h.host_id AND w.started_at <= %(at)s) b ON TRUE
LEFT JOIN LATERAL (SELECT min(w.started_at) AS next
    FROM watch w WHERE w.host_id = h.host_id AND w.started_at > %(at)s) a ON TRUE
LEFT JOIN LATERAL (SELECT t.at - t.gap AS since, t.at AS until
    FROM tick t WHERE t.host_id = h.host_id AND t.gap > 0 AND t.at >= %(at)s
        AND t.at - t.gap < %(at)s ORDER BY t.at LIMIT 1) t ON TRUE
"""
_KNOWN = (HostState.REPORTING, HostState.CLOCK)


def coverages(
    reader: FleetReader, hosts: Sequence[FleetHost], at: int
) -> dict[int, MomentCoverage]:
    """The coverage of a moment at each of these hosts, by its number. Raises FleetError."""
    states = {host.id: host.state for host in hosts}
    return {
        number: _coverage(at, is_known=states[number] in _KNOWN, around=tuple(around))
        for number, *around in reader.rows(_AROUND, {"at": at})
        if number in states
    }


def _coverage(at: int, around: tuple[int | None, ...], *, is_known: bool) -> MomentCoverage:
    watched, scans, following, since, until = around
    if since is not None:
        return MomentCoverage(Gap(since, until))
    goes_on = is_known and following is None
    if watched is None or (at > watched and not goes_on):
        return MomentCoverage(Gap(watched, following))
    return MomentCoverage(None, scans or 0)
