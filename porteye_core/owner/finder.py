"""From sockets to their owners; only a socket that the look before did not have is searched."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from porteye_core.model import Endpoint, Hidden, Owned, Process, ProcessKey, Socket
from porteye_core.owner import process
from porteye_core.owner.holders import HolderSearch

_Known = tuple[Socket, int | None]


class OwnerFinder:
    """Finds owners, and remembers those of the sockets in the latest look."""

    def __init__(self, *, privileged: bool) -> None:
        self._privileged = privileged
        self._found: dict[_Known, Owned] = {}
        self._processes: dict[ProcessKey, Process] = {}

    def own(self, sockets: Sequence[Socket]) -> tuple[Owned, ...]:
        """The sockets with their owners and holders, in the same order.

        A process that ends while it is read leaves its socket with a reason in `hidden`.
        """
        search = HolderSearch()
        twins = Counter(found.endpoint for found in sockets)
        started = {pid: process.started_at(pid) for pid in {s.pid for s in sockets} if pid}
        found: dict[_Known, Owned] = {}
        owned = []
        for socket in sockets:
            at = (_identity(socket), started.get(socket.pid) if socket.pid else None)
            known = self._found.get(at) or self._search(socket, at[1], twins, search)
            found[at] = known
            owned.append(Owned(_of_owner(socket, known), known.owner, known.holders, known.hidden))
        self._found = found
        held = {holder.key: holder for each in owned for holder in each.holders}
        self._processes = held
        return tuple(owned)

    def _search(
        self, socket: Socket, started: int | None, twins: Counter[Endpoint], search: HolderSearch
    ) -> Owned:
        if socket.pid is None:
            return Owned(socket, hidden=Hidden.KERNEL if self._privileged else Hidden.PRIVILEGE)
        if started is None:
            return Owned(socket, hidden=Hidden.GONE)
        pids = [socket.pid]
        if twins[socket.endpoint] == 1:
            pids = search.holders(socket.endpoint, socket.pid)
        holders = tuple(filter(None, map(self._process, pids)))
        if not holders:
            return Owned(socket, hidden=Hidden.GONE)
        return Owned(socket, holders[0], holders)

    def _process(self, pid: int) -> Process | None:
        started = process.started_at(pid)
        if started is None:
            return None
        key = ProcessKey(pid, started)
        if key not in self._processes and (read := process.read(key)):
            self._processes[key] = read
        return self._processes.get(key)


def _identity(socket: Socket) -> Socket:
    return Socket(socket.endpoint, socket.inode, socket.pid, socket.fd)


def _of_owner(socket: Socket, known: Owned) -> Socket:
    """The socket without its descriptor if that is another holder's than the owner's."""
    if known.owner is None or known.owner.key.pid == socket.pid:
        return socket
    return replace(socket, pid=known.owner.key.pid, fd=None)
