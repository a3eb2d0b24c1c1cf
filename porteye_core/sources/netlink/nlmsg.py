"""Netlink messages and their attributes in a buffer.

Layouts and constants: include/uapi/linux/netlink.h in the Linux sources. Headers are in the
machine's byte order.
"""

import errno
import struct
from collections.abc import Iterator
from typing import NamedTuple

NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_MULTI, NLM_F_DUMP_INTR, NLM_F_REQUEST_DUMP = 0x1, 0x2, 0x10, 0x1 | 0x300

HEADER = struct.Struct("=IHHII")
_HEAD = struct.Struct("=IHH")
_ATTRIBUTE = struct.Struct("=HH")
_TYPE = 0x3FFF  # NLA_TYPE_MASK: the other bits mean "nested" and "network byte order"
_STATUS = struct.Struct("=i")
_LARGEST = 4096  # bytes; longer messages get no format of their own


class Message(NamedTuple):
    """Netlink message with its body between `start` and `end`; type -1 if it is truncated."""

    type: int
    flags: int
    start: int
    end: int

    @property
    def interrupted(self) -> bool:
        """True if the table changed during the dump."""
        return bool(self.flags & NLM_F_DUMP_INTR)


class Run(NamedTuple):
    """Messages of equal length, `stride`, from the start of a buffer to `end`."""

    stride: int
    end: int


def messages(buffer: bytes, start: int = 0) -> Iterator[Message]:
    """Messages from `start` on; a truncated one is the last, with type -1."""
    size = len(buffer)
    while start < size:
        if start + HEADER.size > size:
            yield Message(-1, 0, start, size)
            return
        length, kind, flags, _, _ = HEADER.unpack_from(buffer, start)
        end = start + length
        if length < HEADER.size or end > size:
            yield Message(-1, 0, start, size)
            return
        yield Message(kind, flags, start + HEADER.size, end)
        start += (length + 3) & ~3


class Attribute(NamedTuple):
    """Attribute of a message with its value between `start` and `end`."""

    type: int
    start: int
    end: int


def attributes(buffer: bytes, start: int, end: int) -> Iterator[Attribute]:
    """Attributes between two positions, up to the first malformed one."""
    while start + _ATTRIBUTE.size <= end:
        length, kind = _ATTRIBUTE.unpack_from(buffer, start)
        if length < _ATTRIBUTE.size or start + length > end:
            return
        yield Attribute(kind & _TYPE, start + _ATTRIBUTE.size, start + length)
        start += (length + 3) & ~3


def status(buffer: bytes, message: Message) -> int:
    """Errno of NLMSG_DONE or NLMSG_ERROR, 0 for none; EPROTO for an error without one."""
    if message.end - message.start < _STATUS.size:
        return errno.EPROTO if message.type == NLMSG_ERROR else 0
    number: int = _STATUS.unpack_from(buffer, message.start)[0]
    return max(-number, 0)


def uniform(buffer: bytes, kind: int, smallest: int) -> Run:
    """Run of messages of this type and one length, if only the last message may be shorter.

    smallest: minimum of bytes per message, with the header; Run(0, 0) if there is no run.
    """
    if len(buffer) < smallest:
        return Run(0, 0)
    stride = HEADER.unpack_from(buffer)[0]
    if not smallest <= stride <= min(_LARGEST, len(buffer)) or stride % 4:
        return Run(0, 0)
    count = len(buffer) // stride
    end = count * stride
    head = _HEAD.pack(stride, kind, NLM_F_MULTI)
    # Compare a column of bytes at a time: 0.02 us per message; a tuple per message takes 0.1 us.
    same = all(buffer[i:end:stride].count(byte) == count for i, byte in enumerate(head))
    return Run(stride, end) if same else Run(0, 0)
