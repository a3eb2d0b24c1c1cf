"""Encoding and decoding of NETLINK_SOCK_DIAG messages for TCP and UDP; without I/O.

Layouts and constants: include/uapi/linux/inet_diag.h and sock_diag.h in the Linux sources.
Headers are in the machine's byte order, ports and addresses in the network's.
"""

import socket
import struct
from functools import lru_cache
from typing import NamedTuple

from porteye_core.sources.netlink.nlmsg import (
    HEADER,
    NLM_F_REQUEST_DUMP,
    NLMSG_DONE,
    NLMSG_ERROR,
    Message,
    messages,
    status,
)

AF_INET, AF_INET6 = 2, 10  # Linux's constants, for decoding on any system
LISTEN, ESTABLISHED, CLOSE = 1 << 10, 1 << 1, 1 << 7  # CLOSE: also an unconnected UDP socket

SOCK_DIAG_BY_FAMILY = 20
_REQ_BYTECODE, _PROTOCOL, _SKV6ONLY = 1, 10, 11  # attributes of a request, of a response, of both
_BC_S_GE, _BC_S_LE = 2, 3

_REQUEST = struct.Struct("=BBBxI48x")
_MESSAGE = struct.Struct("=BBxx2s2s16s16sIQ4xIIII")
_ATTRIBUTE = struct.Struct("=HH")
SMALLEST = HEADER.size + _MESSAGE.size  # bytes of a message without attributes
_OP = struct.Struct("=BBH")
_PORT = struct.Struct(">H")
_FAMILIES = {AF_INET: socket.AF_INET, AF_INET6: socket.AF_INET6}


class DiagSocket(NamedTuple):
    """Kernel's description of a socket; family, state: Linux's constants.

    queue, backlog: waiting connections and their maximum for a listener, otherwise bytes;
    interface: index of the interface it is bound to, 0 for none; v6only: None if the kernel gives
    none. A message about a destroyed socket has no uid and no inode: both are 0. protocol is 0 if
    neither message nor caller gives it.
    """

    family: int
    protocol: int
    state: int
    address: str
    port: int
    remote_address: str
    remote_port: int
    interface: int
    cookie: int
    uid: int
    inode: int
    queue: int
    backlog: int
    v6only: bool | None


class Decoded(NamedTuple):
    """Content of one buffer; error: an errno, 0 for none."""

    sockets: tuple[DiagSocket, ...]
    done: bool
    error: int
    interrupted: bool
    malformed: int


def request(
    family: int, protocol: int, states: int, sequence: int, ports: tuple[int, int] | None = None
) -> bytes:
    """Encode a request to list the sockets in these states, a bit mask.

    ports: inclusive range; the kernel omits sockets outside of it. No extension bit is set: the
    kernel gives v6only for every listening IPv6 socket anyway.
    """
    body = _REQUEST.pack(family, protocol, 0, states)
    if ports is not None:
        code = _port_range(*ports)
        body += _ATTRIBUTE.pack(_ATTRIBUTE.size + len(code), _REQ_BYTECODE) + code
    length = HEADER.size + len(body)
    return HEADER.pack(length, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, sequence, 0) + body


def _port_range(low: int, high: int) -> bytes:
    # An operation has two jumps, for true and false. A port is an operation of its own, in the
    # field of the second jump. A jump to four bytes past the end rejects the socket.
    pair = 2 * _OP.size
    at_least = _OP.pack(_BC_S_GE, pair, 2 * pair + 4) + _OP.pack(0, 0, low)
    at_most = _OP.pack(_BC_S_LE, pair, pair + 4) + _OP.pack(0, 0, high)
    return at_least + at_most


def decode(buffer: bytes, protocol: int = 0) -> Decoded:
    """Decode one buffer; protocol: that of the request, which a dump does not repeat."""
    sockets = []
    done, interrupted, error, malformed = False, False, 0, 0
    for message in messages(buffer):
        interrupted |= message.interrupted
        if message.type in (NLMSG_DONE, NLMSG_ERROR):
            done |= message.type == NLMSG_DONE
            error = error or status(buffer, message)
        elif message.type == SOCK_DIAG_BY_FAMILY:
            decoded = _socket(buffer, message, protocol)
            if decoded:
                sockets.append(decoded)
            else:
                malformed += 1
        else:
            malformed += message.type < 0
    return Decoded(tuple(sockets), done, error, interrupted, malformed)


def _socket(buffer: bytes, message: Message, protocol: int) -> DiagSocket | None:
    if message.end - message.start < _MESSAGE.size:
        return None
    family, state, sport, dport, source, remote, interface, cookie, queue, backlog, uid, inode = (
        _MESSAGE.unpack_from(buffer, message.start)
    )
    values = _attributes(buffer, message.start + _MESSAGE.size, message.end)
    if family not in _FAMILIES or values is None:
        return None
    v6only = values.get(_SKV6ONLY)
    return DiagSocket(
        family,
        values.get(_PROTOCOL, protocol),
        state,
        address_text(family, source),
        _PORT.unpack(sport)[0],
        address_text(family, remote),
        _PORT.unpack(dport)[0],
        interface,
        cookie,
        uid,
        inode,
        queue,
        backlog,
        None if v6only is None else bool(v6only),
    )


def _attributes(buffer: bytes, start: int, end: int) -> dict[int, int] | None:
    """First byte of each attribute with a value, by type; None for a malformed attribute."""
    values = {}
    while start < end:
        if start + _ATTRIBUTE.size > end:
            return None
        length, kind = _ATTRIBUTE.unpack_from(buffer, start)
        if length < _ATTRIBUTE.size or start + length > end:
            return None
        if length > _ATTRIBUTE.size:
            values[kind] = buffer[start + _ATTRIBUTE.size]
        start += (length + 3) & ~3
    return values


@lru_cache(maxsize=1024)
def address_text(family: int, address: bytes) -> str:
    """Text of 16 bytes of address, of which IPv4 uses four; without a zone, as in /proc/net."""
    return socket.inet_ntop(_FAMILIES[family], address[:4] if family == AF_INET else address)
