"""Linux's NETLINK_SOCK_DIAG: one row per listening socket, with its inode, uid and accept queue.

A dump of the listening sockets costs the same whatever the number of connections, and while it
answers with the same bytes nothing is decoded at all.
"""

import socket
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from porteye_core.errors import SourceError
from porteye_core.model import UNBOUND, Endpoint, Family, Interface, Limitation, Protocol, Socket
from porteye_core.sources.clients import Local, listening_at, on_every_address
from porteye_core.sources.netlink import inet_diag
from porteye_core.sources.netlink.connections import count_by_local
from porteye_core.sources.netlink.crowd import Crowd, Rows
from porteye_core.sources.netlink.inet_diag import DiagSocket
from porteye_core.sources.netlink.links import Links
from porteye_core.sources.netlink.namespace import inside
from porteye_core.sources.netlink.netlink import (
    NETLINK_ROUTE,
    Dumper,
    explained,
    open_dumper,
    open_socket,
)

_FAMILIES = {inet_diag.AF_INET: Family.IPV4, inet_diag.AF_INET6: Family.IPV6}
_PROTOCOLS = {socket.IPPROTO_TCP: Protocol.TCP, socket.IPPROTO_UDP: Protocol.UDP}
_STATES = {socket.IPPROTO_TCP: inet_diag.LISTEN, socket.IPPROTO_UDP: inet_diag.CLOSE}

_OWN = Path("/proc/thread-self/ns/net")

Table = tuple[bytes | int, ...]
"""The buffers of a dump, or of a large one their hashes."""
Tables = dict[tuple[int, int], Table]
"""Each dump, by family and protocol."""

# Bytes of a dump that is kept, to compare the next one with; 8,000 sockets.
_LARGEST = 1 << 20


class SockDiag:
    """The sock_diag source, in the network namespace of its first scan.

    namespace: a path like /proc/PID/ns/net, to scan there. Its inode is in every endpoint.
    """

    name = "sock_diag"

    def __init__(self, namespace: Path | None = None) -> None:
        self._namespace = namespace
        self.netns: int | None = None  # whose sockets it reads; known after the first scan
        self._dumper: Dumper | None = None
        self._links: Links | None = None
        self._tables: Tables = {}
        self._sockets: Sequence[Socket] = ()
        self._identity: tuple[int, ...] = ()  # of a crowd

    def read(self, *, count_clients: bool) -> Sequence[Socket]:
        """See Source.read; a queue that fills or drains alone is no change until a full scan.

        A socket's `clients` are None, too, where it shares its endpoint and there are some.
        """
        try:
            dumper = self._dumper = self._dumper or self._open()
            tables = _dump(dumper)
            if count_clients or tables != self._tables:
                if all(map(_is_kept, tables.values())):
                    clients = 0 if count_clients else None
                    found = sorted(self._decoded(tables, clients), key=_order)
                    self._take(found, dumper, counting=count_clients)
                else:
                    self._take_crowd(dumper, counting=count_clients)
            self._tables = tables
        except SourceError:
            self.close()
            raise
        return self._sockets

    def close(self) -> None:
        """Close the netlink sockets; the next scan opens others."""
        for opened in (self._dumper, self._links):
            if opened:
                opened.close()
        self._dumper = self._links = None

    def limitations(self) -> tuple[Limitation, ...]:
        """See Source.limits."""
        return (
            Limitation(
                "polled",
                "Listeners are seen by polling: what opens and closes between two scans is missed.",
            ),
            Limitation(
                "shared_clients",
                "Clients cannot be split between sockets that share a port (SO_REUSEPORT).",
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

    def _take(self, found: list[Socket], dumper: Dumper, *, counting: bool) -> None:
        if counting:
            for position, clients in _clients(found, dumper).items():
                found[position] = replace(found[position], clients=clients)
            self._sockets = tuple(found)
        elif [_identity(each) for each in found] != [*map(_identity, self._sockets)]:
            self._sockets = tuple(found)

    def _take_crowd(self, dumper: Dumper, *, counting: bool) -> None:
        """List the sockets once more, and pack them as they come."""
        if counting:  # the ones before are not compared with these: both would be 10 MB
            self._sockets, self._tables = (), {}
        rows = Rows()
        for family in _FAMILIES:
            for protocol, states in _STATES.items():
                dumper.dump(family, protocol, states, partial(_pack, rows, protocol))
                rows.end()
        identity = rows.identity
        interfaces: dict[int, Interface | None] = {}

        def made(row: DiagSocket, clients: int | None) -> Socket:
            if row.interface not in interfaces:
                interfaces[row.interface] = self._interface(row.interface)
            return _socket(row, self.netns, interfaces[row.interface], clients)

        if counting:
            found = Crowd(rows, made, None)
            self._sockets = Crowd(rows, made, _clients(found, dumper))
        elif identity != self._identity or isinstance(self._sockets, tuple):
            self._sockets = Crowd(rows, made, None)
        self._identity = identity

    def _decoded(self, tables: Tables, clients: int | None) -> Iterator[Socket]:
        # The kernel resumes a dump by position: what opens meanwhile may make it tell one twice.
        told: set[int] = set()
        for (_, protocol), buffers in tables.items():
            for buffer in buffers:
                assert isinstance(buffer, bytes)
                for row in _listening(buffer, protocol):
                    if row.cookie not in told:
                        told.add(row.cookie)
                        yield _socket(row, self.netns, self._interface(row.interface), clients)


def _listening(buffer: bytes, protocol: int) -> Iterator[DiagSocket]:
    decoded = inet_diag.decode(buffer, protocol)
    if decoded.malformed:
        # A listener left out would seem to have closed.
        raise SourceError("The kernel listed its sockets in a form that is not known.")
    return (row for row in decoded.sockets if row.port and not row.remote_port)


def _pack(rows: Rows, protocol: int, buffers: Iterable[bytes]) -> None:
    rows.begin()
    for buffer in buffers:
        rows.add(_listening(buffer, protocol))


def _dump(dumper: Dumper) -> Tables:
    return {
        (family, protocol): dumper.dump(family, protocol, states, _gathered)
        for protocol, states in _STATES.items()
        for family in _FAMILIES
    }


def _gathered(buffers: Iterable[bytes]) -> Table:
    found: list[bytes | int] = []
    size = 0
    for buffer in buffers:
        size += len(buffer)
        found.append(buffer if size <= _LARGEST else hash(buffer))
        if size > _LARGEST and isinstance(found[0], bytes):
            found[:] = [hash(each) if isinstance(each, bytes) else each for each in found]
    return tuple(found)


def _is_kept(table: Table) -> bool:
    return not table or isinstance(table[0], bytes)


def _opened() -> tuple[Dumper, Links, int]:
    with explained("name its network namespace"):
        netns = _OWN.stat().st_ino
    with ExitStack() as stack:
        dumper = stack.enter_context(open_dumper())
        links = Links(open_socket(NETLINK_ROUTE))
        stack.pop_all()
        return dumper, links, netns


def _socket(
    row: DiagSocket, netns: int | None, interface: Interface | None, clients: int | None = None
) -> Socket:
    protocol = _PROTOCOLS[row.protocol]
    tcp = protocol is Protocol.TCP  # of a UDP socket the kernel tells bytes, not connections
    return Socket(
        Endpoint(protocol, _FAMILIES[row.family], row.address, row.port, netns),
        inode=row.inode or None,
        clients=clients if tcp else None,
        uid=row.uid,
        queue=row.queue if tcp else None,
        backlog=row.backlog if tcp else None,
        cookie=row.cookie,
        interface=interface,
        v6only=row.v6only,
    )


def _clients(sockets: Sequence[Socket], dumper: Dumper) -> dict[int, int | None]:
    """The established connections of the TCP sockets that have any, by position.

    The kernel spreads clients over the sockets that share an endpoint, and does not say which one
    accepted a connection: there, only no clients at all are certain, and it is None.
    """
    connections = _connections(sockets, dumper)
    if not connections:
        return {}
    on_every = set(map(on_every_address, connections))
    at: dict[Local, list[int]] = {}
    for position, each in enumerate(sockets):
        endpoint = each.endpoint
        local = endpoint.family, endpoint.address, endpoint.port
        if endpoint.protocol is Protocol.TCP and (local in connections or local in on_every):
            at.setdefault(local, []).append(position)
    counts: Counter[Local] = Counter()
    for local, count in connections.items():
        counts[listening_at(local, at)] += count
    return {
        position: count if len(at[local]) == 1 else None
        for local, count in counts.items()
        for position in at.get(local, ())
    }


def _connections(sockets: Iterable[Socket], dumper: Dumper) -> Counter[Local]:
    """Established connections by local address, within the ports that have a TCP listener."""
    ports: dict[Family, tuple[int, int]] = {}
    for endpoint in (each.endpoint for each in sockets):
        if endpoint.protocol is Protocol.TCP:
            low, high = ports.get(endpoint.family, (endpoint.port, endpoint.port))
            ports[endpoint.family] = min(low, endpoint.port), max(high, endpoint.port)
    counts: Counter[Local] = Counter()
    for number, family in _FAMILIES.items():
        if family not in ports:
            continue
        established = dumper.dump(
            number,
            socket.IPPROTO_TCP,
            inet_diag.ESTABLISHED,
            count_by_local,
            ports=ports[family],
        )
        for (_, port, packed), count in established.items():
            counts[family, inet_diag.address_text(number, packed), port] += count
    return counts


def _identity(found: Socket) -> tuple[object, ...]:
    return found.endpoint, found.inode, found.cookie, found.uid, found.interface


def _order(found: Socket) -> tuple[Protocol, Family, str, int, int, int]:
    at = found.endpoint  # netns is the same in every row
    return at.protocol, at.family, at.address, at.port, found.inode or 0, found.cookie or 0
