"""The listeners that are open as far as is known.

One user can have 100,000. Each is kept as packed numbers and values that it shares with others, in
250 bytes instead of 900, and is made a Listener again when it is asked for.
"""

import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from porteye_core.model import (
    Endpoint,
    Family,
    Interface,
    KernelEvent,
    Kind,
    Listener,
    Process,
    ProcessKey,
    Protocol,
    SocketAddress,
)
from porteye_core.shared_values import SharedValues

# Which numbers there are; port, index of the shared values, descriptor, time of the opening, inode,
# cookie, address in the kernel. The text of the network address follows.
_NUMBERS = struct.Struct("<BHIiqqQQ")
_INDEX, _INDEX_AT = struct.Struct("<I"), 3  # where the index is
_INODE, _COOKIE, _DESCRIPTOR = 1, 2, 4


class _Shared(NamedTuple):
    """The values that listeners of one process have in common."""

    protocol: Protocol
    family: Family
    netns: int | None
    owner: ProcessKey | None
    holders: frozenset[ProcessKey]
    interface: Interface | None
    unseen_at: int | None
    guessed: bool
    described: tuple[Process, ...]


class OpenListeners:
    """Listeners by id, with the descriptions of their holders that are stored."""

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        self._rows: dict[int, bytes] = {}
        self._shared: SharedValues[_Shared] = SharedValues(_key)
        for listener in listeners:
            self.put(listener)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, listener_id: object) -> bool:
        return listener_id in self._rows

    def __iter__(self) -> Iterator[Listener]:
        for listener_id, row in self._rows.items():
            yield self._listener(listener_id, row)

    def __getitem__(self, listener_id: int) -> Listener:
        return self._listener(listener_id, self._rows[listener_id])

    def put(self, listener: Listener, described: tuple[Process, ...] | None = None) -> None:
        """Add a listener, or what was learnt of it. described: its holders; None: as before."""
        if described is None:
            described = self.described(listener.id) if listener.id in self else ()
        endpoint = listener.endpoint
        shared = _Shared(
            endpoint.protocol,
            endpoint.family,
            endpoint.netns,
            listener.owner,
            listener.holders,
            listener.interface,
            listener.unseen_at,
            listener.guessed,
            described,
        )
        before = self._rows.get(listener.id)
        self._rows[listener.id] = _packed(listener, self._shared.take(shared))
        if before is not None:
            self._shared.release(*_INDEX.unpack_from(before, _INDEX_AT))

    def remove(self, listener: Listener) -> None:
        """Take a listener out; nothing happens if it is not there."""
        row = self._rows.pop(listener.id, None)
        if row is not None:
            self._shared.release(*_INDEX.unpack_from(row, _INDEX_AT))

    def described(self, listener_id: int) -> tuple[Process, ...]:
        """The holders of a listener as they were described when it was put in."""
        return self._of(self._rows[listener_id]).described

    def owners(self) -> set[ProcessKey]:
        """The owners that are known."""
        found = {self._of(row).owner for row in self._rows.values()}
        return {each for each in found if each}

    def ids(self) -> Iterator[int]:
        """The ids."""
        return iter(self._rows)

    def place(self, listener_id: int) -> SocketAddress:
        """The place of a listener."""
        return self._place(self._rows[listener_id])

    def concerned(self, kernel_events: Iterable[KernelEvent]) -> "Concerned":
        """The listeners that these notices can close."""
        closings = [each for each in kernel_events if each.kind is Kind.CLOSED]
        found = Concerned()
        if not closings:
            return found
        addresses = {each.skaddr for each in closings} - {0}
        cookies = {each.cookie for each in closings} - {None}
        places = {each.endpoint.socket_address for each in closings if each.cookie is None}
        ports = {port for _, _, _, port in places}
        unpack = _NUMBERS.unpack_from
        for listener_id, row in self._rows.items():
            flags, port, _, _, _, _, cookie, skaddr = unpack(row)
            if (
                skaddr in addresses
                or (flags & _COOKIE and cookie in cookies)
                or (port in ports and self._place(row) in places)
            ):
                found.put(self._listener(listener_id, row))
        return found

    def _of(self, row: bytes) -> _Shared:
        index: int = _INDEX.unpack_from(row, _INDEX_AT)[0]
        return self._shared.values[index]

    def _place(self, row: bytes) -> SocketAddress:
        shared = self._of(row)
        return shared.protocol, shared.family, _address(row), _NUMBERS.unpack_from(row)[1]

    def _listener(self, listener_id: int, row: bytes) -> Listener:
        flags, port, index, fd, opened_at, inode, cookie, skaddr = _NUMBERS.unpack_from(row)
        shared = self._shared.values[index]
        return Listener(
            listener_id,
            Endpoint(shared.protocol, shared.family, _address(row), port, shared.netns),
            opened_at,
            inode if flags & _INODE else None,
            fd if flags & _DESCRIPTOR else None,
            shared.owner,
            shared.holders,
            skaddr,
            cookie if flags & _COOKIE else None,
            shared.interface,
            shared.unseen_at,
            shared.guessed,
        )


class Concerned:
    """A few listeners, found by whatever a notice names."""

    def __init__(self) -> None:
        self._by_id: dict[int, Listener] = {}
        self._by_skaddr: dict[int, Listener] = {}
        self._by_cookie: dict[int, Listener] = {}
        self._unnamed: dict[SocketAddress, set[int]] = defaultdict(set)

    def __getitem__(self, listener_id: int) -> Listener:
        return self._by_id[listener_id]

    def put(self, listener: Listener) -> None:
        """Add a listener."""
        self._by_id[listener.id] = listener
        if listener.skaddr:
            self._by_skaddr[listener.skaddr] = listener
        else:
            self._unnamed[listener.endpoint.socket_address].add(listener.id)
        if listener.cookie is not None:
            self._by_cookie[listener.cookie] = listener

    def at_address(self, skaddr: int) -> Listener | None:
        """The listener whose socket has this address in the kernel."""
        return self._by_skaddr.get(skaddr)

    def with_cookie(self, cookie: int, netns: int | None) -> Listener | None:
        """The listener whose socket has this cookie in this namespace.

        Before Linux 5.10 each namespace counts its cookies by itself.
        """
        found = self._by_cookie.get(cookie)
        if found and None not in (netns, found.endpoint.netns) and found.endpoint.netns != netns:
            return None
        return found

    def unnamed(self, place: SocketAddress) -> set[int]:
        """The ids of the listeners at a place whose address in the kernel is not known."""
        return self._unnamed.get(place, set())


def _key(shared: _Shared) -> tuple[object, ...]:
    # Equal descriptions are not the same ones.
    return (*shared[:-1], id(shared.described))


def _packed(listener: Listener, shared: int) -> bytes:
    inode, cookie, fd = listener.inode, listener.cookie, listener.fd
    flags = (
        (inode is not None and _INODE)
        | (cookie is not None and _COOKIE)
        | (fd is not None and _DESCRIPTOR)
    )
    endpoint = listener.endpoint
    numbers = _NUMBERS.pack(
        flags,
        endpoint.port,
        shared,
        0 if fd is None else fd,
        listener.opened_at,
        0 if inode is None else inode,
        0 if cookie is None else cookie,
        listener.skaddr,
    )
    return numbers + endpoint.address.encode()


def _address(row: bytes) -> str:
    return row[_NUMBERS.size :].decode()
