"""The questions of the page over many hosts: the one door to PostgreSQL, which the page opens only
with a fleet."""

from porteye_core.store.fleet.hosts import FleetHost, HostState, addresses, hosts
from porteye_core.store.fleet.many_hosts.activity import Bucket, BusyPort, buckets, busiest
from porteye_core.store.fleet.many_hosts.doubts import named, was_unwatched
from porteye_core.store.fleet.many_hosts.first_seen import FirstSeen, NewPorts, new_ports
from porteye_core.store.fleet.many_hosts.host_counts import (
    HostPorts,
    exposed_counts,
    ports_by_host,
)
from porteye_core.store.fleet.many_hosts.listeners import (
    FleetListener,
    HostCount,
    PortCount,
    Service,
    count_at,
    count_now,
    count_services,
    hosts_at,
    open_at,
    open_now,
    ports_at,
    services,
)
from porteye_core.store.fleet.many_hosts.moment_coverage import coverages
from porteye_core.store.fleet.many_hosts.newest_events import (
    EventPlace,
    FleetEvent,
    count_events,
    newest_events,
)
from porteye_core.store.fleet.many_hosts.reader import FleetReader, open_fleet
from porteye_core.store.fleet.many_hosts.selection import EPHEMERAL, Selection

__all__ = [
    "EPHEMERAL",
    "Bucket",
    "BusyPort",
    "EventPlace",
    "FirstSeen",
    "FleetEvent",
    "FleetHost",
    "FleetListener",
    "FleetReader",
    "HostCount",
    "HostPorts",
    "HostState",
    "NewPorts",
    "PortCount",
    "Selection",
    "Service",
    "addresses",
    "buckets",
    "busiest",
    "count_at",
    "count_events",
    "count_now",
    "count_services",
    "coverages",
    "exposed_counts",
    "hosts",
    "hosts_at",
    "named",
    "new_ports",
    "newest_events",
    "open_at",
    "open_fleet",
    "open_now",
    "ports_at",
    "ports_by_host",
    "services",
    "was_unwatched",
]
