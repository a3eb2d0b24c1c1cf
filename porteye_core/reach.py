"""Words for the hosts that reach a listener: kinds of interfaces, and exposures."""

from collections.abc import Sequence
from enum import StrEnum


class InterfaceKind(StrEnum):
    """Hosts that a network interface leads to."""

    MACHINE = "machine"  # this one alone: a loopback or dummy device
    CONTAINERS = "containers"  # this one and its containers: a bridge that has only veth ports
    VRF = "vrf"  # those of the interfaces that the VRF has
    NETWORK = "network"  # other machines, as far as is known
    GONE = "gone"  # none: the interface has been removed

    __hash__ = str.__hash__  # Enum's own hash is Python code, and each endpoint's hash calls it


class Exposure(StrEnum):
    """Hosts that can reach a listener; a firewall may admit fewer."""

    MACHINE = "this machine only"
    CONTAINERS = "local containers"  # and this machine
    LINK = "one link"  # its neighbours: routers do not forward to a link-local address
    NETWORK = "one network"
    IPV6 = "IPv6 only"  # through every interface
    EVERYWHERE = "every interface"
    CONTAINER = "inside a container"  # a network namespace of its own
    UNKNOWN = "not known"

    @property
    def is_reachable(self) -> bool:
        """Tell that other machines may reach it through an address of this one."""
        return self in REACHABLE


REACHABLE = (Exposure.LINK, Exposure.NETWORK, Exposure.IPV6, Exposure.EVERYWHERE)
LOCAL = (Exposure.MACHINE, Exposure.CONTAINERS)


def reachable_of(wanted: Sequence[Exposure]) -> tuple[Exposure, ...]:
    """The wanted exposures through which other machines may reach a listener; all such of none."""
    return tuple(each for each in REACHABLE if not wanted or each in wanted)
