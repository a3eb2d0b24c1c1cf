"""Exposure of a socket: the hosts that can reach the address it is bound to."""

from enum import StrEnum
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import NamedTuple

from porteye_core.reach import Exposure, InterfaceKind

__all__ = ["Bound", "Exposure", "Namespace", "exposure", "in_words"]

# Packets to these networks stay on one link (RFC 3927, RFC 5771, RFC 4291, RFC 919).
_ONE_LINK = tuple(
    map(ip_network, ("169.254.0.0/16", "224.0.0.0/24", "255.255.255.255", "fe80::/10", "ff02::/16"))
)
# Packets to these networks never leave the machine.
_ONE_MACHINE = tuple(map(ip_network, ("127.0.0.0/8", "::1", "ff01::/16")))

_WORDS = {
    Exposure.EVERYWHERE: "any network",
    Exposure.IPV6: "any network, IPv6 only",
    Exposure.MACHINE: "local only",
    Exposure.CONTAINERS: "this machine and its containers only",
    Exposure.LINK: "neighbours on one link only",
    Exposure.CONTAINER: "inside a container",
    Exposure.UNKNOWN: "in a network namespace that is not known",
}


class Namespace(StrEnum):
    """Network namespace of a socket, compared with its host's."""

    OWN = "own"
    OTHER = "other"
    UNKNOWN = "unknown"

    __hash__ = str.__hash__  # Enum's own hash is Python code, and each row needs one


class Bound(NamedTuple):
    """Address, interface and namespace that a socket is bound to.

    interface: None if not known, empty if the socket is bound to none.
    v6only: IPV6_V6ONLY; None for IPv4 and where not known.
    """

    address: str
    interface: str | None = None
    interface_kind: InterfaceKind | None = None
    v6only: bool | None = None
    namespace: Namespace = Namespace.OWN

    @property
    def is_dual(self) -> bool:
        """Tell that it accepts every address of both IPv6 and IPv4."""
        return self.address == "::" and self.v6only is False

    @property
    def shown(self) -> str:
        """Address and interface as ss(8) writes them, without brackets.

        >>> Bound("::", "lo", v6only=False).shown
        '*%lo'
        """
        address = "*" if self.is_dual else self.address
        return f"{address}%{self.interface}" if self.interface else address

    def __str__(self) -> str:
        """Format the address and interface, an IPv6 address in brackets.

        >>> str(Bound("fe80::1", "eth0"))
        '[fe80::1]%eth0'
        """
        address, _, interface = self.shown.partition("%")
        address = f"[{address}]" if ":" in address else address
        return f"{address}%{interface}" if interface else address


@lru_cache(maxsize=4096)
def exposure(bound: Bound) -> Exposure:
    """Classify the exposure of a bound socket.

    >>> exposure(Bound("127.0.0.53")).value
    'this machine only'
    """
    if bound.namespace is Namespace.OTHER:
        return Exposure.CONTAINER
    address = _address(bound.address)
    if address is None:  # in a damaged database
        return Exposure.UNKNOWN
    if _is_in(address, _ONE_MACHINE) or bound.interface_kind is InterfaceKind.MACHINE:
        return Exposure.MACHINE
    if bound.namespace is Namespace.UNKNOWN or bound.interface_kind is InterfaceKind.GONE:
        return Exposure.UNKNOWN
    if bound.interface_kind is InterfaceKind.CONTAINERS:
        return Exposure.CONTAINERS
    return _to_others(bound, address)


def in_words(bound: Bound) -> str:
    """The hosts that can reach a bound socket, in few words.

    >>> in_words(Bound("127.0.0.1"))
    'local only'
    """
    found = exposure(bound)
    if found is Exposure.UNKNOWN and bound.interface_kind is InterfaceKind.GONE:
        return "on an interface that has been removed"
    if found is Exposure.NETWORK:
        if bound.interface_kind is InterfaceKind.VRF:
            return f"the networks of the VRF {bound.interface} only"
        return f"{bound.interface or bound.address} only"
    if found is Exposure.EVERYWHERE and bound.is_dual:
        return "any network, IPv4 and IPv6"
    return _WORDS[found]


def _to_others(bound: Bound, address: IPv4Address | IPv6Address) -> Exposure:
    if _is_in(address, _ONE_LINK):
        return Exposure.LINK
    if bound.interface or not address.is_unspecified:
        return Exposure.NETWORK
    return Exposure.IPV6 if bound.v6only else Exposure.EVERYWHERE


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])  # %: the zone of a link-local address
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_in(
    address: IPv4Address | IPv6Address, networks: tuple[IPv4Network | IPv6Network, ...]
) -> bool:
    return any(address in network for network in networks)
