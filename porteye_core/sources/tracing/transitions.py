"""Tracepoint records as openings and closings of listeners; pure."""

import socket
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from porteye_core.model import Family
from porteye_core.sources.tracing.exited_threads import Who

EVENT = "sock/inet_sock_set_state"
# States: 10 is TCP_LISTEN, 7 TCP_CLOSE (net/tcp_states.h). An accepted connection starts as a copy
# of its listener and goes from LISTEN to SYN_RECV: a listener itself leaves LISTEN for CLOSE only.
# Protocol 6 is TCP: MPTCP reports a listener a second time, for the socket above the subflow.
CONDITION = "protocol==6&&(newstate==10||(oldstate==10&&newstate==7))"
FIELDS = ("common_type", "common_pid", "skaddr", "newstate", "sport", "family", "saddr", "saddr_v6")
_LISTEN = 10

# Time of the record in nanoseconds since boot, then FIELDS.
Row = tuple[int, int, int, int, int, int, int, bytes, bytes]


class Piece(NamedTuple):
    """Records in the order of time, and who the threads were that they name."""

    rows: list[Row]
    who: Mapping[int, Who]


class Transition(NamedTuple):
    """Opening or closing of a listener.

    at: microseconds since the epoch.
    skaddr: the kernel's address of the socket, equal at open and close, reused afterwards.
    port: 0 for a socket that listens without a bind, because the kernel chooses the port after
        the record; known if its close is among the same transitions.
    pid, tid: the process and thread that did it; for a close, the last that held the socket. pid
        equals tid where the process is not known.
    name: the program's name, at most 15 bytes, empty if not known.
    """

    at: int
    opened: bool
    skaddr: int
    family: Family
    address: str
    port: int
    pid: int
    tid: int
    name: str


def transitions(rows: Sequence[Row], who: Mapping[int, Who], offset: int) -> tuple[Transition, ...]:
    """Convert rows to transitions; offset: nanoseconds from their clock to the epoch."""
    closing_ports: dict[int, int] = {}
    found = []
    for row in reversed(rows):
        transition = _transition(row, who[row[2]], offset)
        if not transition.opened:
            closing_ports[transition.skaddr] = transition.port
        elif not transition.port:
            transition = transition._replace(port=closing_ports.get(transition.skaddr, 0))
        found.append(transition)
    return tuple(reversed(found))


def without_ended(pieces: Sequence[Sequence[Row]]) -> list[list[Row]]:
    """The rows of pieces that follow one another, without the lives that both begin and end in
    them."""
    begun: dict[int, int] = {}
    is_over = bytearray(sum(map(len, pieces)))
    for number, row in enumerate(chain.from_iterable(pieces)):
        skaddr, newstate = row[3], row[4]
        if newstate == _LISTEN:
            begun[skaddr] = number
        elif (beginning := begun.pop(skaddr, None)) is not None:
            is_over[beginning] = is_over[number] = True
    flags = iter(is_over)
    return [[row for row in rows if not next(flags)] for rows in pieces]


def _transition(row: Row, who: Who, offset: int) -> Transition:
    at, _, tid, skaddr, newstate, port, family, v4, v6 = row
    is_v6 = family == socket.AF_INET6
    return Transition(
        (at + offset) // 1000,
        newstate == _LISTEN,
        skaddr,
        Family.IPV6 if is_v6 else Family.IPV4,
        socket.inet_ntop(socket.AF_INET6, v6) if is_v6 else socket.inet_ntop(socket.AF_INET, v4),
        port,
        who.pid,
        tid,
        who.name,
    )
