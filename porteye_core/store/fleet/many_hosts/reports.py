"""Reports of all hosts at a moment: how far each has shipped, and what its batches say of it."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from porteye_core.store.fleet import hosts
from porteye_core.store.fleet.one_host.host_reader import NO_HOST, asked

EPOCH_BITS = 40
"""Bits of the id of an event below those of its epoch."""

_HOSTS = """
SELECT h.host_id, h.name, h.enrolled_at, h.retired_at, h.received_at, h.skew, h.beat, h.behind,
    w.seen_at, w.stopped_at, w.sample_interval,
    (SELECT max(m.booted_at) FROM fleet.machine m WHERE m.host_id = h.host_id) AS booted_at
FROM fleet.host h
LEFT JOIN LATERAL (SELECT w.seen_at, w.stopped_at, w.sample_interval FROM fleet.watch w
    WHERE w.host_id = h.host_id ORDER BY w.id DESC LIMIT 1) w ON TRUE
ORDER BY h.name, h.enrolled_at
"""
_STREAMS = "SELECT host_id, epoch, events, revisions FROM fleet.stream"
_SERVER = """
SELECT fleet.now_us() AS now,
    (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint AS started_at
"""


@dataclass(frozen=True, slots=True)
class HostReport:
    """A report of what a host has shipped, and when; times in microseconds, those of the server but
    for the last four.

    skew: its clock less the server's at the newest batch. beat: the most between two batches.
    streams: of each of its databases, by the epoch, the id of the newest event. revisions: the
    number of those that it has shipped. behind: events that it has not shipped yet. watched_until,
    stopped_at, booted_at: by its own clock; sample_interval: between two ticks of its monitor.
    """

    host_id: int
    name: str
    enrolled_at: int
    retired_at: int | None
    received_at: int | None
    skew: int
    beat: int
    behind: int
    watched_until: int | None
    stopped_at: int | None
    sample_interval: int
    booted_at: int
    streams: Mapping[int, int]
    revisions: int

    @property
    def is_clock_off(self) -> bool:
        """True if its times do not compare with those of others."""
        return hosts.is_off(self.skew)

    @property
    def is_watched(self) -> bool:
        """True if its monitor watched when the newest batch was made, by its own clock."""
        return self.received_at is not None and hosts.watched(
            self.received_at,
            self.skew,
            self.watched_until,
            self.stopped_at,
            self.sample_interval,
        )

    def has_missed(self, now: int, since: int) -> bool:
        """Tell that it has missed several beats from a time of the server to another one."""
        return hosts.has_missed(self.beat, since, now)


@dataclass(frozen=True, slots=True)
class Reports:
    """Reports of every host, retired ones too, by name, at a time of the server; started_at: of the
    server."""

    now: int
    started_at: int
    hosts: tuple[HostReport, ...]


def host_reports(address: str) -> Reports:
    """The reports of one moment. Raises StoreError."""
    with asked(address, NO_HOST) as connection:
        now, started_at = connection.execute(_SERVER).fetchone()
        streams = defaultdict[int, dict[int, int]](dict)
        revisions = defaultdict[int, int](int)
        for host_id, epoch, events, revised in connection.execute(_STREAMS):
            streams[host_id][epoch] = epoch << EPOCH_BITS | events
            revisions[host_id] += revised
        found = tuple(
            HostReport(
                row["host_id"],
                row["name"],
                row["enrolled_at"],
                row["retired_at"],
                row["received_at"],
                row["skew"] or 0,
                row["beat"],
                row["behind"],
                row["seen_at"],
                row["stopped_at"],
                row["sample_interval"] or 0,
                row["booted_at"] or 0,
                streams[row["host_id"]],
                revisions[row["host_id"]],
            )
            for row in connection.execute(_HOSTS)
        )
    return Reports(now, started_at, found)
