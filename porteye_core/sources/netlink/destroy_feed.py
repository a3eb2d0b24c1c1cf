"""Feed of destroyed sockets, announced by the kernel: exact ends of listeners, for any user.

A socket filter in the kernel passes sockets that were bound and never connected, so that the
connections of a busy host wake no process. It tests the remote address: a connection that was
reset or never accepted has lost its remote port by then, but not the address. A socket that was
bound and closed without listening passes as well, with a cookie that no scan has shown; a socket
that listened after an earlier connection does not pass.
"""

import errno
import socket
import struct
from array import array
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from porteye_core.errors import SourceError
from porteye_core.sources.netlink.inet_diag import SOCK_DIAG_BY_FAMILY, DiagSocket, decode
from porteye_core.sources.netlink.namespace import inside
from porteye_core.sources.netlink.netlink import open_socket

_SOL_NETLINK, _ADD_MEMBERSHIP = 270, 1
_GROUPS = (1, 2, 3, 4)  # SKNLGRP_INET_TCP_DESTROY, _UDP_, INET6_TCP_, INET6_UDP_
_SO_ATTACH_FILTER, _SO_RCVBUFFORCE, _SO_MEMINFO = 26, 33, 55
_MEMINFO = struct.Struct("=9I")
_DROPS = 8  # SK_MEMINFO_DROPS
_RECEIVE = 1 << 13  # one announcement has 400 bytes
_ROOM = 4 << 20  # bytes of kernel memory for unread announcements
_MAX_DRAINED = 10_000  # announcements per call; the descriptor stays readable

_LOAD_HALF, _JUMP_IF_EQUAL, _RETURN = 0x28, 0x15, 0x06  # classic BPF
_LOAD_WORD = 0x20
_TYPE, _LOCAL_PORT, _REMOTE = 4, 20, (40, 44, 48, 52)  # from the start of the message
_PASS, _DROP = 0xFFFFFFFF, 0


class Drained(NamedTuple):
    """Destroyed sockets in the order of their end; lost: number of further ones that were lost."""

    sockets: tuple[DiagSocket, ...]
    lost: int


class DestroyFeed:
    """Announcements since the feed was opened; select on `fileno()`, then call `drain()`."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._drops = _drops(opened)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def fileno(self) -> int:
        """Descriptor that is readable while announcements wait."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket; a second time does nothing."""
        self._socket.close()

    def drain(self) -> Drained:
        """Read the announcements since the last call, without waiting. Raises SourceError.

        A malformed announcement counts as lost.
        """
        sockets: list[DiagSocket] = []
        lost = 0
        for _ in range(_MAX_DRAINED):
            try:
                decoded = decode(self._socket.recv(_RECEIVE))
            except BlockingIOError:
                break
            except OSError as err:
                if err.errno != errno.ENOBUFS:  # an overflow; the drops are read below
                    raise SourceError(f"Closing sockets cannot be followed: {err}.") from err
                continue
            sockets += decoded.sockets
            lost += decoded.malformed
        drops = _drops(self._socket)
        lost += (drops - self._drops) & 0xFFFFFFFF
        self._drops = drops
        return Drained(tuple(sockets), lost)


def open_destroy_feed(namespace: Path | None = None, *, room: int = _ROOM) -> DestroyFeed:
    """Open the feed of this network namespace, or of one at a path like /proc/PID/ns/net.

    room: bytes of kernel memory for unread announcements, limited to net.core.rmem_max without
    CAP_NET_ADMIN. Raises SourceError.
    """
    return inside(namespace, lambda: _opened(room))


def _opened(room: int) -> DestroyFeed:
    opened = open_socket()
    try:
        opened.settimeout(0)
        _make_room(opened, room)
        _attach(opened, _unconnected_only())
        # An unbound netlink socket has port id 0, the kernel's own, and receives no announcement.
        opened.bind((0, 0))
        for group in _GROUPS:
            opened.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)
        return DestroyFeed(opened)
    except OSError as err:
        opened.close()
        raise SourceError(f"Closing sockets cannot be followed: {err}.") from err


def _make_room(opened: socket.socket, room: int) -> None:
    try:
        opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, room)
    except PermissionError:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)


def _unconnected_only() -> bytes:
    """Filter that passes sockets with a local port and no remote address, and other messages."""
    kind = socket.htons(SOCK_DIAG_BY_FAMILY)  # loads are big-endian, a type is in host order
    verdicts = ((_RETURN, 0, 0, _PASS), (_RETURN, 0, 0, _DROP))
    address = [  # a zero leads to the next word, the last one to PASS; others to DROP
        step
        for left, word in zip(range(len(_REMOTE) - 1, -1, -1), _REMOTE, strict=True)
        for step in ((_LOAD_WORD, 0, 0, word), (_JUMP_IF_EQUAL, 0, 2 * left + 1, 0))
    ]
    program = (
        (_LOAD_HALF, 0, 0, _TYPE),
        (_JUMP_IF_EQUAL, 0, len(address) + 2, kind),
        (_LOAD_HALF, 0, 0, _LOCAL_PORT),
        (_JUMP_IF_EQUAL, len(address) + 1, 0, 0),
        *address,
        *verdicts,
    )
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _attach(opened: socket.socket, program: bytes) -> None:
    code = array("B", program)
    address, size = code.buffer_info()
    fprog = struct.pack("@HP", size // 8, address)
    opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)


def _drops(opened: socket.socket) -> int:
    answer = opened.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size)
    return int(_MEMINFO.unpack(answer)[_DROPS])
