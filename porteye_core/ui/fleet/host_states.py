"""States of hosts in words: the gravest first, and what each means for what a view shows; pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from porteye_core.store.fleet.many_hosts.questions import (
    FleetHost,
    HostState,
    named,
    was_unwatched,
)
from porteye_core.store.reading import MomentCoverage

# The gravest first: of the first ones nothing new is known.
GRAVEST_FIRST = (
    HostState.SILENT,
    HostState.UNWATCHED,
    HostState.NEVER,
    HostState.BEHIND,
    HostState.CLOCK,
    HostState.REPORTING,
    HostState.RETIRED,
)
_MEANINGS = {
    HostState.SILENT: "What is shown of {them} is as old as {their} latest batch.",
    HostState.UNWATCHED: "No monitor watches there: what opened since is not known.",
    HostState.NEVER: "Nothing is known of {them}.",
    HostState.BEHIND: "Events of {them} are still to come.",
    HostState.CLOCK: "{Their} times do not compare with those of others.",
}


def gravest_first(hosts: Iterable[FleetHost]) -> list[FleetHost]:
    """The hosts by the gravity of their states, then by name."""
    return sorted(hosts, key=lambda host: (GRAVEST_FIRST.index(host.state), host.name, host.id))


def counts(hosts: Iterable[FleetHost]) -> dict[HostState, int]:
    """The number of hosts in each state that some are in, the gravest first."""
    found = Counter(host.state for host in hosts)
    return {state: found[state] for state in GRAVEST_FIRST if found[state]}


@dataclass(frozen=True, slots=True)
class Doubt:
    """Hosts that cannot be trusted for one reason, in words."""

    count: str
    names: str
    meaning: str


def doubts(hosts: Iterable[FleetHost]) -> list[Doubt]:
    """The hosts that cannot be trusted, by their states, the gravest first."""
    of = list(hosts)
    found = []
    for state in _MEANINGS:
        names = [host.name for host in of if host.state is state]
        if names:
            found.append(Doubt(_count(len(names), state), named(names), _meaning(state, names)))
    return found


def _count(number: int, state: HostState) -> str:
    if state is HostState.NEVER:
        return f"{number:,} {'host has' if number == 1 else 'hosts have'} never shipped:"
    what = "clock is" if number == 1 else "clocks are"
    if state is HostState.CLOCK:
        return f"{number:,} {what} off:"
    return f"{number:,} {'host is' if number == 1 else 'hosts are'} {state.value}:"


def _meaning(state: HostState, names: Sequence[str]) -> str:
    if len(names) == 1:
        return _MEANINGS[state].format(them="it", their="its", Their="Its")
    return _MEANINGS[state].format(them="them", their="their", Their="Their")


def unknown_at(
    hosts: Iterable[FleetHost], covered: Mapping[int, MomentCoverage], at: int
) -> list[str]:
    """The names of the hosts of which it is not known what they had at a moment; covered: the
    coverage of the moment at each."""
    return [host.name for host in hosts if was_unwatched(host, at, covered)]
