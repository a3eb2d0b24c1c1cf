"""Netlink sockets, and complete dumps of sockets through them.

No privilege is needed in the process's own namespace. Constants: include/uapi/linux/netlink.h.
"""

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar

from porteye_core.errors import SourceError
from porteye_core.sources.netlink.inet_diag import SMALLEST, SOCK_DIAG_BY_FAMILY, request
from porteye_core.sources.netlink.nlmsg import NLMSG_DONE, NLMSG_ERROR, messages, status, uniform

_T = TypeVar("_T")

NETLINK_ROUTE, NETLINK_SOCK_DIAG = 0, 4
_RECEIVE = 1 << 16  # the kernel fills at most 32 KiB at a time
_PATIENCE = struct.pack("@ll", 5, 0)  # seconds, microseconds; a response takes milliseconds
_ATTEMPTS = 5
_HINTS = {
    errno.ENOENT: "Its modules tcp_diag and udp_diag are missing: use --source portable.",
}


class Dumper:
    """Lists the kernel's sockets, one dump at a time.

    Close it after a SourceError: its socket may hold the rest of the failed dump.
    """

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._buffer = bytearray(_RECEIVE)
        self._interrupted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket; a second time does nothing."""
        self._socket.close()

    def dump(
        self,
        family: int,
        protocol: int,
        states: int,
        fold: Callable[[Iterable[bytes]], _T],
        *,
        ports: tuple[int, int] | None = None,
    ) -> _T:
        """Request a dump and return the result of `fold`, which must read all of its buffers.

        The bytes of a dump stay the same while no socket changes. If the table changed during the
        dump, the request is repeated and `fold` called again. Raises SourceError.
        """
        for _ in range(_ATTEMPTS):
            self._interrupted = False
            with explained("list its sockets"):
                # The sequence number is constant: there is only one dump at a time.
                self._socket.send(request(family, protocol, states, 1, ports))
                folded = fold(self._buffers())
            if not self._interrupted:
                return folded
        raise SourceError(f"The kernel's sockets changed during each of {_ATTEMPTS} dumps.")

    def _buffers(self) -> Iterator[bytes]:
        done = False
        while not done:
            size = self._socket.recv_into(self._buffer, 0, socket.MSG_TRUNC)  # the true size
            if size > len(self._buffer) or not size:
                raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
            buffer = bytes(memoryview(self._buffer)[:size])
            done = self._is_last(buffer)
            yield buffer

    def _is_last(self, buffer: bytes) -> bool:
        for message in messages(buffer, uniform(buffer, SOCK_DIAG_BY_FAMILY, SMALLEST).end):
            self._interrupted |= message.interrupted
            if message.type in (NLMSG_DONE, NLMSG_ERROR):
                number = status(buffer, message)
                if number:
                    raise OSError(number, os.strerror(number))
                return True
        return False


def open_dumper() -> Dumper:
    """Open a dumper in the network namespace of this thread. Raises SourceError."""
    return Dumper(open_socket())


def open_socket(protocol: int = NETLINK_SOCK_DIAG) -> socket.socket:
    """Open a netlink socket whose reads time out after 5 s. Raises SourceError."""
    with explained("open a netlink socket"):
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
        return opened


@contextlib.contextmanager
def explained(what: str) -> Iterator[None]:
    """Raise SourceError instead of an OSError of the block; what: the refused action."""
    try:
        yield
    except OSError as err:
        reason = err.strerror or str(err)
        hint = _HINTS.get(err.errno or 0, "")
        raise SourceError(f"The kernel did not let PortEye {what}: {reason}.", hint) from err
