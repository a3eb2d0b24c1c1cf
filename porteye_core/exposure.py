"""From where a bound address can be reached."""

from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv6Address, ip_address


class Exposure(StrEnum):
    """Whom a listener answers, as far as its address says; a firewall may let fewer through."""

    MACHINE = "this machine only"
    NETWORK = "one network"
    EVERYWHERE = "every interface"
    CONTAINER = "inside a container"  # a network namespace of its own

    @property
    def is_reachable(self) -> bool:
        """Whether other machines may reach it through an address of this one."""
        return self in (Exposure.NETWORK, Exposure.EVERYWHERE)


@lru_cache(maxsize=4096)
def exposure(address: str, *, elsewhere: bool = False) -> Exposure:
    """The exposure of an address; `elsewhere`: in another network namespace than the host's.

    >>> exposure("127.0.0.53").value
    'this machine only'
    """
    if elsewhere:
        return Exposure.CONTAINER
    bound = ip_address(address.partition("%")[0])  # %: the zone of a link-local address
    if isinstance(bound, IPv6Address) and bound.ipv4_mapped:
        bound = bound.ipv4_mapped
    if bound.is_loopback:
        return Exposure.MACHINE
    return Exposure.EVERYWHERE if bound.is_unspecified else Exposure.NETWORK
