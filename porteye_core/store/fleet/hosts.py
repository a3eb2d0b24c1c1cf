"""Hosts of the fleet: who reports, and whether what is known of it can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from porteye_core.store.fleet.host_connection import HostConnection
from porteye_core.store.fleet.server import Server, answered

# A host shows that it is alive once a beat; a busy machine may delay one or two.
_MISSED_BEATS = 3
# Microseconds by which a host's clock may differ: within it, times of two hosts can be compared.
_CLOCK = 2_000_000

_HOSTS = """
SELECT fleet.now_us() AS now, h.host_id, h.name, h.enrolled_at, h.retired_at, h.received_at, h.skew,
    h.beat, h.version, h.dropped, h.behind, h.listeners, coalesce(s.events, 0) AS events,
    w.seen_at, w.stopped_at, w.sample_interval
FROM fleet.host h
LEFT JOIN (SELECT host_id, sum(events)::bigint AS events FROM fleet.stream GROUP BY host_id) s
    ON s.host_id = h.host_id
LEFT JOIN LATERAL (SELECT w.seen_at, w.stopped_at, w.sample_interval FROM fleet.watch w
    WHERE w.host_id = h.host_id ORDER BY w.id DESC LIMIT 1) w ON TRUE
"""
_ALL = f"{_HOSTS}ORDER BY h.name, h.enrolled_at"
_ONE = f"{_HOSTS}WHERE h.host_id = ?"


class HostState(StrEnum):
    """The gravest that is to be said of a host; only of one that reports is the present known."""

    RETIRED = "retired"
    NEVER = "never shipped"
    SILENT = "silent"  # no batch for several beats
    UNWATCHED = "unwatched"  # it ships, and its monitor does not watch
    BEHIND = "behind"  # events follow that it has not shipped yet
    CLOCK = "clock off"
    REPORTING = "reporting"


@dataclass(frozen=True, slots=True)
class FleetHost:
    """A host of the fleet; times in microseconds.

    skew: its clock less the server's at the newest batch; lag: since that; behind: events that it
    has not shipped yet; dropped: those that it dropped before they were shipped; events: those that
    it has shipped; listeners: those that are open, of which a retired host has none; watched_until:
    the time until which its monitor is known to have watched.
    """

    id: int
    name: str
    state: HostState
    enrolled_at: int
    retired_at: int | None
    received_at: int | None
    lag: int | None
    skew: int | None
    version: str
    listeners: int
    events: int
    behind: int
    dropped: int
    watched_until: int | None

    @property
    def is_clock_off(self) -> bool:
        """True if its times do not compare with those of others."""
        return self.skew is not None and is_off(self.skew)


def is_off(skew: int) -> bool:
    """Tell that times by a clock with this skew do not compare with those of others."""
    return abs(skew) > _CLOCK


def has_missed(beat: int, since: int, now: int) -> bool:
    """Tell that several beats were missed from one time to another."""
    return now - since > _MISSED_BEATS * beat


def watched(
    received_at: int,
    skew: int,
    seen_at: int | None,
    stopped_at: int | None,
    sample_interval: int,
) -> bool:
    """Tell that the monitor watched when the newest batch was made, by the host's own clock:
    seen_at, stopped_at are those of its newest watch."""
    if seen_at is None or stopped_at is not None:
        return False
    return not has_missed(sample_interval, seen_at, received_at + skew)


def hosts(server: Server) -> list[FleetHost]:
    """Every host, retired ones too, by name. Raises FleetError."""
    with answered("The hosts could not be read"):
        found = server.execute(_ALL)
        names = [column.name for column in found.description or ()]
        return [_host(dict(zip(names, row, strict=True))) for row in found]


def addresses(of: Sequence[FleetHost]) -> dict[int, str]:
    """The names by which page and API find these hosts, by their numbers; of: every host of a name.

    A host that was retired before another got its name is called by its number, too.
    """
    newest = {each.name: each.id for each in sorted(of, key=_is_found_last)}
    return {
        each.id: each.name if newest[each.name] == each.id else f"{each.name}~{each.id}"
        for each in of
    }


def _is_found_last(of: FleetHost) -> tuple[bool, int]:
    return of.retired_at is None, of.id


def host(connection: HostConnection, host_id: int) -> FleetHost:
    """The host of this number."""
    return _host(connection.execute(_ONE, (host_id,)).fetchone())


def _host(row: Any) -> FleetHost:
    received = row["received_at"]
    return FleetHost(
        row["host_id"],
        row["name"],
        _state(row),
        row["enrolled_at"],
        row["retired_at"],
        received,
        None if received is None else max(0, row["now"] - received),
        row["skew"],
        row["version"],
        0 if row["retired_at"] else row["listeners"],
        row["events"],
        row["behind"],
        row["dropped"],
        row["seen_at"],
    )


def _state(row: Any) -> HostState:
    if row["retired_at"] is not None:
        return HostState.RETIRED
    if row["received_at"] is None:
        return HostState.NEVER
    if has_missed(row["beat"], row["received_at"], row["now"]):
        return HostState.SILENT
    watch = (row[name] for name in ("seen_at", "stopped_at", "sample_interval"))
    if not watched(row["received_at"], row["skew"], *watch):
        return HostState.UNWATCHED
    if row["behind"]:
        return HostState.BEHIND
    return HostState.CLOCK if is_off(row["skew"]) else HostState.REPORTING
