"""Hosts whose present is not known, so that nobody takes their silence for calm."""

from collections.abc import Mapping, Sequence

from porteye_core.store.fleet.hosts import FleetHost, HostState
from porteye_core.store.reading import MomentCoverage

Doubts = Mapping[HostState, Sequence[FleetHost]]

NAMED = 5
"""Hosts that an answer names; the others are counted. With names of 253 characters a header of them
stays below what a proxy takes."""

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
        elif covered and at is not None and was_unwatched(host, at, covered):
            found[HostState.UNWATCHED].append(host)
    return {state: of for state, of in found.items() if of}


def _has_told(host: FleetHost, at: int | None) -> bool:
    """Tell whether a host has shipped what it had at a moment."""
    is_there = at is not None and host.watched_until is not None and host.watched_until >= at
    return is_there and host.state is not HostState.BEHIND


def was_unwatched(host: FleetHost, at: int, covered: Mapping[int, MomentCoverage]) -> bool:
    """Tell that a host was not retired and not watched at a moment; covered: the coverage of the
    moment at each."""
    is_gone = host.retired_at is not None and host.retired_at <= at
    return not is_gone and host.id in covered and covered[host.id].gap is not None


def named(names: Sequence[str]) -> str:
    """The names in a sentence, the first few if they are many.

    >>> named(["a", "b"]), named(list("abcdefg"))
    ('a, b', 'a, b, c, d, e and 2 more')
    """
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
