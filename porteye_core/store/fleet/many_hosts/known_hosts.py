"""The hosts that a question is about."""

from dataclasses import dataclass

from porteye_core import host_patterns
from porteye_core.errors import FilterError, FleetRefused
from porteye_core.store.fleet.hosts import FleetHost, hosts
from porteye_core.store.fleet.many_hosts.reader import FleetReader


@dataclass(frozen=True, slots=True)
class Known:
    """The hosts that a question is about; of all of them the numbers are empty."""

    hosts: tuple[FleetHost, ...]
    numbers: tuple[int, ...]


def known_hosts(reader: FleetReader, patterns: host_patterns.Patterns) -> Known:
    """The hosts that these patterns mean, all if there is none.

    Raises FilterError if a pattern means no host, FleetRefused if none is enrolled, FleetError.
    """
    found = hosts(reader.server)
    if not found:
        raise FleetRefused("No host is enrolled.", "Enrol one: porteye fleet enrol HOST.")
    for pattern in patterns:
        if not any(host_patterns.matches((pattern,), host.name) for host in found):
            raise FilterError(
                "host",
                f"No host of the fleet is called “{pattern[:40]}”.",
                "See who there is: porteye fleet hosts, or /api/hosts.",
            )
    meant = tuple(host for host in found if host_patterns.matches(patterns, host.name))
    return Known(meant, tuple(host.id for host in meant) if patterns else ())
