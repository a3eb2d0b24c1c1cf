"""Names and kinds of network interfaces, by rtnetlink in the namespace that a socket is bound in.

Layouts and numbers: include/uapi/linux/rtnetlink.h, if_link.h and if.h in the Linux sources.
"""

import errno
import os
import socket
import struct
import time
from collections.abc import Callable
from typing import NamedTuple

from porteye_core.errors import SourceError
from porteye_core.model import Interface
from porteye_core.reach import InterfaceKind
from porteye_core.sources.netlink.netlink import explained
from porteye_core.sources.netlink.nlmsg import (
    HEADER,
    NLM_F_MULTI,
    NLM_F_REQUEST,
    NLM_F_REQUEST_DUMP,
    NLMSG_DONE,
    NLMSG_ERROR,
    Attribute,
    Message,
    attributes,
    messages,
    status,
)

_NEWLINK, _GETLINK = 16, 18
_INFO = struct.Struct("=BxHiII")  # struct ifinfomsg: family, device type, index, flags, changed
_NUMBER = struct.Struct("=I")
_ATTRIBUTE = struct.Struct("=HHI")  # length, type, and a number as the value
_IFNAME, _MASTER, _LINKINFO, _EXT_MASK = 3, 10, 18, 29
_INFO_KIND = 1
_SKIP_STATISTICS = 1 << 3
_IFF_LOOPBACK = 1 << 3
_RECEIVE = 1 << 16
_ATTEMPTS = 5
_FRESH = 5.0  # seconds after which an interface is asked for again: it may have a new name
# Bridges whose ports are listed in that time; a bridge has at most 1,024 ports (BR_PORT_BITS).
_MAX_BRIDGES = 16


class Link(NamedTuple):
    """One interface as the kernel describes it.

    kind: what `ip -d link` shows, empty for hardware and loopback; master: the index of the bridge
    or VRF that the interface is a port of, 0 for none.
    """

    name: str
    kind: str
    is_loopback: bool
    master: int


class Links:
    """The interfaces of one network namespace.

    After a SourceError it must be closed: an answer may be left in its socket.
    """

    def __init__(self, opened: socket.socket, clock: Callable[[], float] = time.monotonic) -> None:
        self._socket = opened
        self._clock = clock
        self._known: dict[int, Interface] = {}
        self._bridges = 0
        self._since = clock()

    def close(self) -> None:
        """Close the socket; a second time does nothing."""
        self._socket.close()

    def interface(self, index: int) -> Interface:
        """The interface of this index, as it was at most 5 seconds ago. Raises SourceError."""
        now = self._clock()
        if now - self._since > _FRESH:
            self._known.clear()
            self._bridges, self._since = 0, now
        if index not in self._known:
            with explained("name a network interface"):
                self._known[index] = self._ask(index)
        return self._known[index]

    def _ask(self, index: int) -> Interface:
        try:
            (link,) = self._answers(_request(NLM_F_REQUEST, index))
        except OSError as err:
            if err.errno != errno.ENODEV:
                raise
            return Interface(f"if{index}", InterfaceKind.GONE)
        return Interface(link.name, self._kind(index, link))

    def _kind(self, index: int, link: Link) -> InterfaceKind:
        if link.is_loopback or link.kind == "dummy":
            return InterfaceKind.MACHINE
        if link.kind == "vrf":
            return InterfaceKind.VRF
        if link.kind == "bridge" and self._bridges < _MAX_BRIDGES:
            self._bridges += 1
            # A port of another kind may lead anywhere: a tap device is a virtual machine or a VPN.
            if all(port.kind == "veth" for port in self._ports(index)):
                return InterfaceKind.CONTAINERS
        return InterfaceKind.NETWORK

    def _ports(self, bridge: int) -> list[Link]:
        found = self._answers(_request(NLM_F_REQUEST_DUMP, 0, master=bridge))
        return [link for link in found if link.master == bridge]

    def _answers(self, request: bytes) -> list[Link]:
        """Every interface of a complete answer. Raises OSError."""
        for _ in range(_ATTEMPTS):
            self._socket.send(request)
            found, interrupted = self._answer()
            if not interrupted:
                return found
        raise SourceError(f"The network interfaces changed under each of {_ATTEMPTS} scans.")

    def _answer(self) -> tuple[list[Link], bool]:
        found: list[Link] = []
        interrupted = False
        while True:
            buffer = self._socket.recv(_RECEIVE)
            if not buffer:
                raise _malformed()
            for message in messages(buffer):
                interrupted |= message.interrupted
                if message.type in (NLMSG_DONE, NLMSG_ERROR):
                    if number := status(buffer, message):
                        raise OSError(number, os.strerror(number))
                    return found, interrupted
                found.append(_link(buffer, message))
                if not message.flags & NLM_F_MULTI:
                    return found, interrupted


def _request(flags: int, index: int, *, master: int = 0) -> bytes:
    """A request for one interface, or for the ports of a master."""
    body = _INFO.pack(socket.AF_UNSPEC, 0, index, 0, 0)
    body += _ATTRIBUTE.pack(_ATTRIBUTE.size, _EXT_MASK, _SKIP_STATISTICS)
    if master:
        body += _ATTRIBUTE.pack(_ATTRIBUTE.size, _MASTER, master)
    return HEADER.pack(HEADER.size + len(body), _GETLINK, flags, 1, 0) + body


def _link(buffer: bytes, message: Message) -> Link:
    if message.type != _NEWLINK or message.end - message.start < _INFO.size:
        raise _malformed()
    flags = _INFO.unpack_from(buffer, message.start)[3]
    name, kind, master = "", "", 0
    for each in attributes(buffer, message.start + _INFO.size, message.end):
        if each.type == _IFNAME:
            name = _text(buffer, each)
        elif each.type == _MASTER and each.end - each.start >= _NUMBER.size:
            master = _NUMBER.unpack_from(buffer, each.start)[0]
        elif each.type == _LINKINFO:
            for nested in attributes(buffer, each.start, each.end):
                if nested.type == _INFO_KIND:
                    kind = _text(buffer, nested)
    if not name:
        raise _malformed()
    return Link(name, kind, bool(flags & _IFF_LOOPBACK), master)


def _text(buffer: bytes, found: Attribute) -> str:
    """A name of any bytes but NUL, with what is not UTF-8 replaced."""
    return buffer[found.start : found.end].partition(b"\0")[0].decode(errors="replace")


def _malformed() -> SourceError:
    return SourceError("The kernel described a network interface in a form that is not known.")
