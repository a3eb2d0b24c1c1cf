"""Hosts whose present is not known, so that nobody takes their silence for calm."""

from collections.abc import Mapping, Sequence

from porteye_core.store.fleet.hosts import FleetHost, HostState
from porteye_core.store.reading import MomentCoverage

Doubts = Mapping[HostState, Sequence[FleetHost]]

# What the fleet has of hosts in these states is not what is so now.
_DOUBTFUL = (HostState.NEVER, HostState.SILENT, HostState.UNWATCHED, HostState.BEHIND)


def doubts(
    known: Sequence[FleetHost],
    at: int | None = None,
    covered: Mapping[int, MomentCoverage] | None = None,
) -> Doubts:
    """The hosts of which it is not known what they have, or had at a moment, by their states.

    covered: how each was watched at the moment, if that is known; one that was not is unwatched.
    """
    found = {state: list[FleetHost]() for state in _DOUBTFUL}
    for host in known:
        if host.state in found and not _has_told(host, at):
            found[host.state].append(host)
        elif covered and _is_gap(host, at, covered):
            found[HostState.UNWATCHED].append(host)
    return {state: of for state, of in found.items() if of}


def _has_told(host: FleetHost, at: int | None) -> bool:
    """Tell whether a host has shipped what it had at a moment."""
    is_there = at is not None and host.watched_until is not None and host.watched_until >= at
    return is_there and host.state is not HostState.BEHIND


def _is_gap(host: FleetHost, at: int | None, covered: Mapping[int, MomentCoverage]) -> bool:
    is_gone = at is not None and host.retired_at is not None and host.retired_at <= at
    return not is_gone and host.id in covered and covered[host.id].gap is not None
