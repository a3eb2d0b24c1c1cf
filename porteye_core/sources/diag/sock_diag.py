"""Linux's NETLINK_SOCK_DIAG: one row per listening socket, with its inode, uid and accept queue.

A dump of the listening sockets costs the same whatever the number of connections, and while it
answers with the same bytes nothing is decoded at all.
"""

import socket
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from porteye_core.errors import SourceError
from porteye_core.model import UNBOUND, Endpoint, Family, Interface, Limit, Protocol, Socket
from porteye_core.sources.diag import inet_diag
from porteye_core.sources.diag.connections import count_by_local
from porteye_core.sources.diag.inet_diag import DiagSocket
from porteye_core.sources.diag.links import Links
from porteye_core.sources.diag.namespace import inside
from porteye_core.sources.diag.netlink import (
    NETLINK_ROUTE,
    Dumper,
    explained,
    open_dumper,
    open_socket,
)

_FAMILIES = {inet_diag.AF_INET: Family.IPV4, inet_diag.AF_INET6: Family.IPV6}
_PROTOCOLS = {socket.IPPROTO_TCP: Protocol.TCP, socket.IPPROTO_UDP: Protocol.UDP}
_STATES = {socket.IPPROTO_TCP: inet_diag.LISTEN, socket.IPPROTO_UDP: inet_diag.CLOSE}
_EVERY = {Family.IPV4: "0.0.0.0", Family.IPV6: "::"}  # noqa: S104 - compared, not bound

_OWN = Path("/proc/thread-self/ns/net")

Tables = dict[tuple[int, int], tuple[bytes, ...]]
"""The buffers of each dump, by family and protocol."""


class SockDiag:
    """The sock_diag source, in the network namespace of its first look.

    namespace: a path like /proc/PID/ns/net, to look there. Its inode is in every endpoint.
    """

    name = "sock_diag"

    def __init__(self, namespace: Path | None = None) -> None:
        self._namespace = namespace
        self.netns: int | None = None  # whose sockets it reads; known after the first look
        self._dumper: Dumper | None = None
        self._links: Links | None = None
        self._tables: Tables = {}
        self._sockets: tuple[Socket, ...] = ()

    def read(self, *, count_clients: bool) -> tuple[Socket, ...]:
        """See Source.read; a queue that fills or drains alone is no change until a full look.

        A socket's `clients` are None, too, where it shares its endpoint and there are some.
        """
        try:
            dumper = self._dumper = self._dumper or self._open()
            tables = _dump(dumper)
            if count_clients or tables != self._tables:
                found = sorted(self._decoded(tables), key=_order)
                if count_clients:
                    self._sockets = tuple(_with_clients(found, dumper))
                elif [_identity(each) for each in found] != [*map(_identity, self._sockets)]:
                    self._sockets = tuple(found)
            self._tables = tables
        except SourceError:
            self.close()
            raise
        return self._sockets

    def close(self) -> None:
        """Close the netlink sockets; the next look opens others."""
        for opened in (self._dumper, self._links):
            if opened:
                opened.close()
        self._dumper = self._links = None

    def limits(self) -> tuple[Limit, ...]:
        """See Source.limits."""
        return (
            Limit(
                "polled",
                "Listeners are seen by polling: what opens and closes between two looks is missed.",
            ),
            Limit(
                "shared_clients",
                "Where several sockets share one endpoint, the clients of each are not known.",
            ),
        )

    def _open(self) -> Dumper:
        # All at once: a process that was entered through may be in another namespace a moment on.
        dumper, self._links, self.netns = inside(self._namespace, _opened)
        return dumper

    def _interface(self, index: int) -> Interface | None:
        if not index:
            return UNBOUND
        return self._links.interface(index) if self._links else None

    def _decoded(self, tables: Tables) -> Iterator[Socket]:
        # The kernel resumes a dump by position: what opens meanwhile may make it tell one twice.
        told: set[int] = set()
        for (_, protocol), buffers in tables.items():
            for buffer in buffers:
                decoded = inet_diag.decode(buffer, protocol)
                if decoded.malformed:
                    # A listener left out would seem to have closed.
                    raise SourceError("The kernel listed its sockets in a form that is not known.")
                for row in decoded.sockets:
                    if row.port and not row.remote_port and row.cookie not in told:
                        told.add(row.cookie)
                        yield _socket(row, self.netns, self._interface(row.interface))


def _dump(dumper: Dumper) -> Tables:
    return {
        (family, protocol): dumper.dump(family, protocol, states, tuple)
        for protocol, states in _STATES.items()
        for family in _FAMILIES
    }


def _opened() -> tuple[Dumper, Links, int]:
    with explained("name its network namespace"):
        netns = _OWN.stat().st_ino
    with ExitStack() as stack:
        dumper = stack.enter_context(open_dumper())
        links = Links(open_socket(NETLINK_ROUTE))
        stack.pop_all()
        return dumper, links, netns


def _socket(row: DiagSocket, netns: int | None, interface: Interface | None) -> Socket:
    protocol = _PROTOCOLS[row.protocol]
    tcp = protocol is Protocol.TCP  # of a UDP socket the kernel tells bytes, not connections
    return Socket(
        Endpoint(protocol, _FAMILIES[row.family], row.address, row.port, netns),
        inode=row.inode or None,
        uid=row.uid,
        queue=row.queue if tcp else None,
        backlog=row.backlog if tcp else None,
        cookie=row.cookie,
        interface=interface,
        v6only=row.v6only,
    )


def _with_clients(sockets: list[Socket], dumper: Dumper) -> Iterator[Socket]:
    """The sockets with their established connections counted.

    The kernel spreads clients over the sockets that share an endpoint, and does not say which one
    accepted a connection: there, only no clients at all are certain.
    """
    twins = Counter(found.endpoint for found in sockets)
    counts = _connections(twins, dumper)
    for found in sockets:
        at = found.endpoint
        if at.protocol is Protocol.UDP or (twins[at] > 1 and counts[at]):
            yield found
        else:
            yield replace(found, clients=counts[at])


def _connections(listening: Iterable[Endpoint], dumper: Dumper) -> Counter[Endpoint]:
    """Established connections by listening endpoint.

    A connection belongs to the listener on its own address, else to the one on every address. One
    over IPv4 to a dual-stack listener stands in the IPv6 table, as ::ffff:a.b.c.d.
    """
    at = {(e.family, e.address, e.port): e for e in listening if e.protocol is Protocol.TCP}
    counts: Counter[Endpoint] = Counter()
    for number, family in _FAMILIES.items():
        ports = [e.port for e in at.values() if e.family is family]
        if not ports:
            continue
        established = dumper.dump(
            number,
            socket.IPPROTO_TCP,
            inet_diag.ESTABLISHED,
            count_by_local,
            ports=(min(ports), max(ports)),
        )
        for (_, port, packed), count in established.items():
            address = inet_diag.address_text(number, packed)
            found = at.get((family, address, port)) or at.get((family, _EVERY[family], port))
            if found:
                counts[found] += count
    return counts


def _identity(found: Socket) -> tuple[object, ...]:
    return found.endpoint, found.inode, found.cookie, found.uid, found.interface


def _order(found: Socket) -> tuple[Protocol, Family, str, int, int, int]:
    at = found.endpoint  # netns is the same in every row
    return at.protocol, at.family, at.address, at.port, found.inode or 0, found.cookie or 0
