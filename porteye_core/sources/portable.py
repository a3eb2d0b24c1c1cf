"""psutil: works on every system, sees one row and one process for each socket.

psutil walks every descriptor of every process for one scan, so on Linux a scan is skipped while
the kernel's own socket tables list the very same listening sockets.
"""

import os
import socket
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import psutil

from porteye_core.errors import SourceError
from porteye_core.model import (
    Endpoint,
    Family,
    Limitation,
    Protocol,
    ScanDepth,
    Scope,
    Snapshot,
    Socket,
)
from porteye_core.sources import proc_net
from porteye_core.sources.clients import listening_at

_FAMILIES = {socket.AF_INET: Family.IPV4, socket.AF_INET6: Family.IPV6}
_PROTOCOLS = {socket.SOCK_STREAM: Protocol.TCP, socket.SOCK_DGRAM: Protocol.UDP}

Fingerprint = Callable[[], frozenset[bytes] | None]


class Row(NamedTuple):
    """One row of psutil's table; the names are psutil's."""

    fd: int
    family: int
    type: int
    laddr: tuple[str, int] | tuple[()]
    raddr: tuple[str, int] | tuple[()]
    status: str
    pid: int | None


class Portable:
    """The psutil source; `fingerprint` says cheaply whether a full scan could find anything new."""

    name = "portable"
    interval = 2.0

    def __init__(self, fingerprint: Fingerprint = proc_net.fingerprint) -> None:
        self._fingerprint = fingerprint
        self._print: frozenset[bytes] | None = None
        self._netns = _own_netns()
        mine = None if self._netns is None else frozenset((self._netns,))
        self._scope = Scope(mine, mine, own=self._netns)
        self._sockets: tuple[Socket, ...] = ()

    def read(self, depth: ScanDepth) -> Snapshot:
        """See Source.read; the fingerprint comes first, so that a later change shows next time."""
        if depth is ScanDepth.NOTICES:
            return Snapshot(None)
        print_now = self._fingerprint()
        count_clients = depth is ScanDepth.CLIENTS
        if not count_clients and print_now is not None and print_now == self._print:
            return Snapshot(self._sockets, scope=self._scope)
        rows = [row for row in _rows() if row.laddr]
        sockets = sorted(_sockets(rows, self._netns), key=_order)
        self._sockets = tuple(_with_clients(sockets, rows) if count_clients else sockets)
        self._print = print_now
        return Snapshot(self._sockets, scope=self._scope)

    def filenos(self) -> tuple[int, ...]:
        """See Source.filenos: nothing is announced."""
        return ()

    def close(self) -> None:
        """See Source.close: there is nothing to undo."""

    def limitations(self) -> tuple[Limitation, ...]:
        """See Source.limits."""
        return (
            Limitation(
                "polled",
                "Listeners are seen by polling: what opens and closes between two scans is missed,"
                " and so is a socket that is closed and opened again between them.",
            ),
        )


def _rows() -> list[Row]:
    try:
        return [Row(*row) for row in psutil.net_connections(kind="inet")]
    except psutil.AccessDenied:  # macOS shows the whole table to root alone
        return [row for process in psutil.process_iter() for row in _rows_of(process)]
    except (psutil.Error, OSError, RuntimeError) as err:  # RuntimeError: a malformed /proc line
        raise SourceError(f"psutil could not read the sockets: {err}.") from err


def _rows_of(process: psutil.Process) -> list[Row]:
    with suppress(psutil.Error, OSError):
        return [Row(*row, process.pid) for row in process.net_connections(kind="inet")]
    return []


def _own_netns() -> int | None:
    """The network namespace that psutil reads, where there is such a thing."""
    try:
        return Path("/proc/self/ns/net").stat().st_ino
    except OSError:
        return None


def _sockets(rows: Iterable[Row], netns: int | None) -> Iterable[Socket]:
    for row in rows:
        if _is_listening(row):
            fd = row.fd if row.fd >= 0 else None
            inode = None if row.pid is None or fd is None else _inode(row.pid, fd)
            yield Socket(replace(_endpoint(row), netns=netns), inode, row.pid, fd)


def _inode(pid: int, fd: int) -> int | None:
    """The socket's inode, where the system shows it: on Linux, of processes that may be read."""
    try:
        target = os.readlink(f"/proc/{pid}/fd/{fd}")  # noqa: PTH115 - no Path for each
    except OSError:
        return None
    return int(target[8:-1]) if target.startswith("socket:[") else None


def _is_listening(row: Row) -> bool:
    if row.type == socket.SOCK_STREAM:
        return row.status == psutil.CONN_LISTEN
    return not row.raddr  # a connected UDP socket is a client


def _endpoint(row: Row) -> Endpoint:
    address, port = row.laddr  # type: ignore[misc]  # rows without a local address are left out
    return Endpoint(_PROTOCOLS[row.type], _FAMILIES[row.family], address, port)  # type: ignore[index]


def _with_clients(sockets: list[Socket], rows: Iterable[Row]) -> Iterable[Socket]:
    """The sockets with their established connections counted.

    The kernel spreads clients over the sockets that share an endpoint, and a row does not say
    which one accepted it: there, each socket counts the connections of its own process.
    """
    twins = Counter(found.endpoint for found in sockets)
    everyone, by_process = _connections(rows, {found.endpoint for found in sockets})
    for found in sockets:
        at = found.endpoint
        if at.protocol is Protocol.UDP:
            yield found
        else:
            alone = twins[at] == 1
            yield replace(found, clients=everyone[at] if alone else by_process[at, found.pid])


def _connections(
    rows: Iterable[Row], listening: set[Endpoint]
) -> tuple[Counter[Endpoint], Counter[tuple[Endpoint, int | None]]]:
    """Established connections by listening endpoint, and by that and the process."""
    at = {(e.family, e.address, e.port): e for e in listening if e.protocol is Protocol.TCP}
    everyone: Counter[Endpoint] = Counter()
    by_process: Counter[tuple[Endpoint, int | None]] = Counter()
    for row in rows:
        if row.status == psutil.CONN_ESTABLISHED and row.laddr:
            family, (address, port) = _FAMILIES[row.family], row.laddr  # type: ignore[index]
            found = at.get(listening_at((family, address, port), at))
            if found:
                everyone[found] += 1
                by_process[found, row.pid] += 1
    return everyone, by_process


def _order(found: Socket) -> tuple[Endpoint, int, int]:
    # netns is the same in every row here, so that endpoints compare.
    return found.endpoint, found.pid or 0, found.fd or 0
