"""Families of a fleet: the states of its hosts, and what the server has of each."""

from collections import Counter
from collections.abc import Callable, Iterator

from porteye_core import __version__
from porteye_core.metrics.families import BUILD
from porteye_core.metrics.family import MetricFamily, Type, with_samples
from porteye_core.store.fleet.hosts import FleetHost, HostState, hosts
from porteye_core.store.fleet.many_hosts.reader import open_fleet

_SECOND = 1e6
_STATES = MetricFamily(
    "porteye_fleet_hosts", Type.GAUGE, "Hosts of the fleet in each state.", labels=("state",)
)
_REPORTING = MetricFamily(
    "porteye_host_reporting",
    Type.GAUGE,
    "1 while the fleet has what the host sees, else 0.",
    labels=("host",),
)
_LISTENERS = MetricFamily(
    "porteye_host_listeners", Type.GAUGE, "Open listeners, as last shipped.", labels=("host",)
)
_LAG = MetricFamily(
    "porteye_host_lag_seconds", Type.GAUGE, "Time since the latest batch.", "seconds", ("host",)
)
_CLOCK = MetricFamily(
    "porteye_host_clock_seconds",
    Type.GAUGE,
    "Clock of the host less the server's.",
    "seconds",
    ("host",),
)
_BEHIND = MetricFamily(
    "porteye_host_behind_events", Type.GAUGE, "Events that are not shipped yet.", labels=("host",)
)
_DROPPED = MetricFamily(
    "porteye_host_dropped_events",
    Type.COUNTER,
    "Events that the host dropped before they were shipped.",
    labels=("host",),
)
FAMILIES = (_STATES, _REPORTING, _LISTENERS, _LAG, _CLOCK, _BEHIND, _DROPPED)
"""Every family, without samples."""

_CURRENT = (HostState.REPORTING, HostState.CLOCK)


def fleet_families(address: str) -> tuple[MetricFamily, ...]:
    """The families of the fleet at this address; a retired host is only counted. Raises
    FleetError."""
    with open_fleet(address) as reader:
        return with_samples(_families(hosts(reader.server)))


def _families(known: list[FleetHost]) -> Iterator[MetricFamily]:
    count = Counter(host.state for host in known)
    there = [host for host in known if host.state is not HostState.RETIRED]

    def each(family: MetricFamily, of: Callable[[FleetHost], float | None]) -> MetricFamily:
        values = ((host.name, of(host)) for host in there)
        return family.of({family.labelled((name,)): n for name, n in values if n is not None})

    yield BUILD.single(1, __version__, "")
    yield _STATES.of({_STATES.labelled((state.value,)): count[state] for state in HostState})
    yield each(_REPORTING, lambda host: int(host.state in _CURRENT))
    yield each(_LISTENERS, lambda host: host.listeners)
    yield each(_LAG, lambda host: _seconds(host.lag))
    yield each(_CLOCK, lambda host: _seconds(host.skew))
    yield each(_BEHIND, lambda host: host.behind)
    yield each(_DROPPED, lambda host: host.dropped)


def _seconds(micros: int | None) -> float | None:
    return None if micros is None else micros / _SECOND
