"""Search for all processes that hold a socket; psutil itself names only one."""

from collections import defaultdict
from typing import Any

import psutil

from porteye_core.model import Endpoint, Family

_MAX_DESCENDANTS = 256  # a pre-fork server has tens of workers; a shell may have any number
_FAMILY = {Family.IPV4: "4", Family.IPV6: "6"}


class HolderSearch:
    """Search for the sockets of one scan; reads each process at most once."""

    def __init__(self) -> None:
        self._held: dict[int, set[tuple[str, Any]]] = {}
        self._children: dict[int, list[int]] | None = None

    def holders(self, endpoint: Endpoint, pid: int) -> list[int]:
        """Find the pids that hold the socket at this endpoint, the oldest ancestor first.

        pid: a known holder. Only its ancestors and the descendants of the oldest holder are read,
        because a socket reaches other processes only through a Unix socket. The endpoint must
        belong to one socket: psutil does not tell which of two sockets a process holds.
        """
        ancestors = [up for up in _ancestors(pid) if self._holds(up, endpoint)]
        oldest = ancestors[-1] if ancestors else pid
        family = [pid, *ancestors, *self._descendants(oldest)]
        rest = {each for each in family if each != oldest and self._holds(each, endpoint)}
        return [oldest, *sorted((rest | {pid}) - {oldest})]

    def _holds(self, pid: int, endpoint: Endpoint) -> bool:
        if pid not in self._held:
            self._held[pid] = _endpoints_of(pid)
        address = (endpoint.address, endpoint.port)
        return (endpoint.protocol + _FAMILY[endpoint.family], address) in self._held[pid]

    def _descendants(self, pid: int) -> list[int]:
        if self._children is None:
            self._children = defaultdict(list)
            for process in psutil.process_iter(["ppid"]):
                self._children[process.info["ppid"]].append(process.pid)
        found: list[int] = []
        queue = [pid]
        while queue and len(found) < _MAX_DESCENDANTS:
            below = [child for child in self._children.get(queue.pop(0), []) if child != pid]
            found += below
            queue += below
        return found[:_MAX_DESCENDANTS]


def _ancestors(pid: int) -> list[int]:
    try:
        return [parent.pid for parent in psutil.Process(pid).parents()]
    except (psutil.Error, OSError):
        return []


def _endpoints_of(pid: int) -> set[tuple[str, Any]]:
    held: set[tuple[str, Any]] = set()
    for kind in ("tcp4", "tcp6", "udp4", "udp6"):
        try:
            rows = psutil.Process(pid).net_connections(kind=kind)
        except (psutil.Error, OSError):
            return held
        held |= {
            (kind, tuple(row.laddr))
            for row in rows
            if row.status == psutil.CONN_LISTEN or (kind.startswith("udp") and not row.raddr)
        }
    return held
