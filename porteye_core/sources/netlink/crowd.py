"""The sockets of a large dump, packed: one user can have 100,000.

A Socket with its endpoint and numbers takes 350 bytes, a row here 49. It is made when it is asked
for, and not kept.
"""

import socket
import struct
from abc import ABC, abstractmethod
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import overload

from porteye_core.model import Socket
from porteye_core.sources.netlink.inet_diag import AF_INET6, DiagSocket

# Family, protocol, state, port, v6only, interface, cookie, user, inode, address.
_ROW = struct.Struct("=BBBHbIQII16s")
_UNKNOWN = -1  # for v6only
_PIECE = 1 << 16  # bytes that are copied at once


class _Numbers:
    """A set of numbers of which most are close to one another: a bit of each."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}

    def add(self, number: int) -> bool:
        """Add a number; returns false if it was there."""
        page = self._pages.setdefault(number >> 9, bytearray(64))
        at, bit = number >> 3 & 63, 1 << (number & 7)
        if page[at] & bit:
            return False
        page[at] |= bit
        return True


class Rows:
    """Rows of dumps, in their order, each socket once."""

    def __init__(self) -> None:
        self._rows = bytearray()
        self._queues = array("I")  # queue and backlog of each
        self._cookies = _Numbers()
        self._ended = 0  # rows of the dumps that are complete

    def __len__(self) -> int:
        return len(self._rows) // _ROW.size

    def begin(self) -> None:
        """Begin with a dump, anew where it was interrupted."""
        del self._rows[self._ended * _ROW.size :]
        del self._queues[2 * self._ended :]
        self._cookies = _Numbers()

    def end(self) -> None:
        """End a dump."""
        self._ended = len(self)
        self._cookies = _Numbers()

    def add(self, rows: Iterable[DiagSocket]) -> None:
        """Add rows of a dump.

        The kernel resumes a dump by position: what opens meanwhile may make it tell one twice.
        """
        for row in rows:
            if self._cookies.add(row.cookie):
                self._rows += _packed(row)
                self._queues.extend((row.queue, row.backlog))

    @property
    def identity(self) -> tuple[int, ...]:
        """Numbers that are equal for the same sockets, whatever waits in their queues."""
        pieces = range(0, len(self._rows), _PIECE)
        return tuple(hash(bytes(self._rows[at : at + _PIECE])) for at in pieces)

    def __getitem__(self, position: int) -> DiagSocket:
        family, protocol, state, port, v6only, interface, cookie, uid, inode, address = (
            _ROW.unpack_from(self._rows, position * _ROW.size)
        )
        return DiagSocket(
            family,
            protocol,
            state,
            socket.inet_ntop(socket.AF_INET6, address)
            if family == AF_INET6
            else socket.inet_ntop(socket.AF_INET, address[:4]),
            port,
            "",
            0,
            interface,
            cookie,
            uid,
            inode,
            self._queues[2 * position],
            self._queues[2 * position + 1],
            None if v6only == _UNKNOWN else bool(v6only),
        )


def _packed(row: DiagSocket) -> bytes:
    family = socket.AF_INET6 if row.family == AF_INET6 else socket.AF_INET
    return _ROW.pack(
        row.family,
        row.protocol,
        row.state,
        row.port,
        _UNKNOWN if row.v6only is None else row.v6only,
        row.interface,
        row.cookie,
        row.uid,
        row.inode,
        socket.inet_pton(family, row.address),
    )


class _Sockets(Sequence[Socket], ABC):
    """Sequence of sockets that reads the one at a position only when it is asked for."""

    @abstractmethod
    def _at(self, position: int) -> Socket:
        """Return the socket at a position that exists."""

    @overload
    def __getitem__(self, position: int) -> Socket: ...

    @overload
    def __getitem__(self, position: slice) -> Sequence[Socket]: ...

    def __getitem__(self, position: int | slice) -> Socket | Sequence[Socket]:
        if isinstance(position, slice):
            return [self[each] for each in range(*position.indices(len(self)))]
        if not 0 <= position < len(self):
            raise IndexError(position)
        return self._at(position)


class Crowd(_Sockets):
    """Sockets that are made of rows when they are asked for."""

    def __init__(
        self,
        rows: Rows,
        made: Callable[[DiagSocket, int | None], Socket],
        clients: Mapping[int, int | None] | None,
    ) -> None:
        """`made` makes a socket of a row and the number of its clients. clients: by position,
        those of the sockets that have any; None: they were not counted."""
        self._rows = rows
        self._made = made
        self._clients = clients

    def __len__(self) -> int:
        return len(self._rows)

    def _at(self, position: int) -> Socket:
        clients = None if self._clients is None else self._clients.get(position, 0)
        return self._made(self._rows[position], clients)


class Joined(_Sockets):
    """Sequences of sockets, one after the other."""

    def __init__(self, parts: Sequence[Sequence[Socket]]) -> None:
        self._parts = [each for each in parts if each]
        self._starts = [0, *accumulate(map(len, self._parts))]

    def __len__(self) -> int:
        return self._starts[-1]

    def _at(self, position: int) -> Socket:
        part = bisect_right(self._starts, position) - 1
        return self._parts[part][position - self._starts[part]]


def joined(parts: Sequence[Sequence[Socket]]) -> Sequence[Socket]:
    """The sockets of all parts: of few a tuple."""
    if all(isinstance(each, tuple) for each in parts):
        return tuple(each for part in parts for each in part)
    return Joined(parts)
