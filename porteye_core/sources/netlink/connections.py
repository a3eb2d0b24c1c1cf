"""Count of connections per local address: one pass at C speed over a dump.

The messages of a dump have equal lengths: one format of `struct`, applied repeatedly, finds the
address in each, and a Counter counts them. Measured on Linux 6.18, 2 cores:

| sockets       | the kernel lists all | half of the ports | counted here | one by one |
| 20,000 (2.5 MB) | 17 ms | 10 ms | 4 ms | 11 ms |
| 52,000 (6.4 MB) | 49 ms | 29 ms | 12 ms | 30 ms |
"""

import struct
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from porteye_core.sources.netlink.inet_diag import SMALLEST, SOCK_DIAG_BY_FAMILY
from porteye_core.sources.netlink.nlmsg import HEADER, messages, uniform

# Family, local port and local address of a socket, from the start of its message.
_LOCAL = ">16xB3xH2x16s"
_LOCAL_SIZE = struct.calcsize(_LOCAL)

Local = tuple[int, int, bytes]
"""Linux's constant of the family, port, 16 bytes of address (IPv4: four, then zeros)."""


def count_by_local(buffers: Iterable[bytes]) -> Counter[Local]:
    """Count the dumped sockets of each local address; malformed messages are ignored."""
    counts: Counter[Local] = Counter()
    for buffer in buffers:
        run = uniform(buffer, SOCK_DIAG_BY_FAMILY, SMALLEST)
        if run.end:
            counts.update(_format(run.stride).iter_unpack(memoryview(buffer)[: run.end]))
        counts.update(_one_by_one(buffer, run.end))
    return counts


@lru_cache(maxsize=64)
def _format(stride: int) -> struct.Struct:
    return struct.Struct(f"{_LOCAL}{stride - _LOCAL_SIZE}x")


def _one_by_one(buffer: bytes, start: int) -> Iterable[Local]:
    local = _format(SMALLEST)
    for message in messages(buffer, start):
        begin = message.start - HEADER.size
        if message.type == SOCK_DIAG_BY_FAMILY and message.end - begin >= SMALLEST:
            yield local.unpack_from(buffer, begin)
