"""From sockets to their owners; only a socket that the look before did not have is searched."""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from porteye_core.model import Hidden, Notice, Owned, Place, Process, ProcessKey, Program, Socket
from porteye_core.owner.descriptors import DescriptorSearch, pids
from porteye_core.owner.holders import HolderSearch
from porteye_core.owner.processes import Processes, field

# An owner that could not be found is searched again after so many beats, and then ever more rarely:
# a search walks over every process, and a socket of the kernel's never has an owner.
_FIRST_RETRY, _RAREST_RETRY = 6, 360

# Listeners whose owner is asked at each beat whether it still holds them, by turns: a thousand take
# ten minutes, at 3 ms a beat.
_CHECKED = 16

_Known = tuple[object, ...]


class OwnerFinder:
    """Finds owners, and remembers those of the sockets in the latest look."""

    def __init__(self, reader: Processes, *, privileged: bool) -> None:
        self._reader = reader
        self._privileged = privileged
        self._found: dict[_Known, Owned] = {}
        self._processes: dict[ProcessKey, Process] = {}
        self._living: set[int] = set()
        self._beats = 0
        self._turn = 0
        self._patience, self._retry_at = _FIRST_RETRY, _FIRST_RETRY
        self._ownerless: set[_Known] = set()

    def own(
        self,
        sockets: Sequence[Socket],
        hints: Mapping[Place, int] | None = None,
        *,
        whole: bool = True,
    ) -> tuple[Owned, ...]:
        """The sockets with their owners and holders, in the same order.

        hints: by endpoint, the process that the kernel named when a socket was opened there.
        whole: whether these are all the sockets there are; else the others stay remembered.
        A process that ends while it is read leaves its socket with a reason in `hidden`.
        """
        search = _Search(sockets, hints or {})
        started = {pid: self._reader.started_at(pid) for pid in {s.pid for s in sockets} if pid}
        found: dict[_Known, Owned] = {}
        owned = []
        for socket in sockets:
            since = started.get(socket.pid) if socket.pid else None
            at = _identity(socket, since)
            known = self._found.get(at) or self._search(socket, since, search)
            if known.socket != socket:
                known = replace(known, socket=_of_owner(socket, known))
            found[at] = known
            owned.append(known)
        self._found = found if whole else {**self._found, **found}
        self._expect_owners({at for at, each in self._found.items() if not each.holders})
        self._processes = {
            holder.key: holder for each in self._found.values() for holder in each.holders
        }
        return tuple(owned)

    def _expect_owners(self, ownerless: set[_Known]) -> None:
        if ownerless - self._ownerless:
            self._patience, self._retry_at = _FIRST_RETRY, self._beats + _FIRST_RETRY
        self._ownerless = ownerless

    def naming(self) -> "Naming":
        """A way to find the processes that the kernel's notices name; one for each reading."""
        return Naming(self._reader, self._processes)

    def refresh(self) -> None:
        """Forget what newer or ended processes may have changed: the next look searches it anew.

        A child inherits what its parent holds, and a socket may outlive its owner in another.
        """
        if sys.platform != "linux":
            return
        living = set(pids())
        born, self._living = living - (self._living or living), living
        self._beats += 1
        again = self._beats >= self._retry_at
        if again:
            self._patience = min(self._patience * _FIRST_RETRY, _RAREST_RETRY)
            self._retry_at = self._beats + self._patience
        holders = {holder.key.pid for each in self._found.values() for holder in each.holders}
        search = DescriptorSearch()
        inherited = {inode for pid in born - holders for inode in search.sockets(pid)}
        handed_on = self._handed_on(search)
        self._found = {
            at: owned
            for at, owned in self._found.items()
            if owned.socket.inode not in inherited
            and at not in handed_on
            and all(holder.key.pid in living for holder in owned.holders)
            and not (again and not owned.holders)
        }

    def _handed_on(self, search: DescriptorSearch) -> set[_Known]:
        """The listeners that their owner no longer holds, of those whose turn it is.

        A descriptor that is passed over a Unix socket changes hands without a birth or an end.
        """
        everyone = list(self._found.items())
        first = self._turn if self._turn < len(everyone) else 0
        self._turn = first + _CHECKED
        return {
            at
            for at, owned in everyone[first : self._turn]
            if owned.owner is not None
            and owned.socket.inode is not None
            and not search.holds(owned.owner.key.pid, owned.socket.inode)
        }

    def _search(self, socket: Socket, started: int | None, search: "_Search") -> Owned:
        if socket.inode is None and socket.pid is None:
            return Owned(socket, hidden=self._nobody())
        if socket.inode is None and started is None:
            return Owned(socket, hidden=Hidden.GONE)
        found = search.holders(socket)
        holders = tuple(filter(None, map(self._process, found)))
        user = "" if socket.uid is None else self._reader.user_name(socket.uid)
        if not holders:
            return Owned(socket, hidden=Hidden.GONE if found else self._nobody(), user=user)
        return Owned(socket, holders[0], holders, user=user)

    def _nobody(self) -> Hidden:
        return Hidden.KERNEL if self._privileged else Hidden.PRIVILEGE

    def _process(self, pid: int) -> Process | None:
        started = self._reader.started_at(pid)
        if started is None:
            return None
        key = ProcessKey(pid, started)
        if key not in self._processes and (read := self._reader.read(key)):
            self._processes[key] = read
        return self._processes.get(key)


class Naming:
    """Turns notices into owned sockets, reading each process once."""

    def __init__(self, reader: Processes, known: dict[ProcessKey, Process]) -> None:
        self._reader = reader
        self._known = known
        self._gone: dict[tuple[int, str], Process] = {}

    def owned(self, notice: Notice) -> Owned:
        """The socket that was opened; of a process that has gone only pid and name are left."""
        pid = notice.pid
        assert pid is not None  # the kernel names who opens
        process = self._read(pid, notice)
        if process:
            endpoint = replace(notice.endpoint, netns=_netns(pid, notice.tid or pid))
            return Owned(Socket(endpoint, pid=pid), process, (process,))
        gone = self._gone.setdefault(
            (pid, notice.name), Process(ProcessKey(pid, notice.at), Program(field(notice.name)))
        )
        return Owned(Socket(notice.endpoint, pid=pid), gone, (gone,), Hidden.GONE)

    def _read(self, pid: int, notice: Notice) -> Process | None:
        started = self._reader.started_by(pid, notice.at)
        if started is None:
            return None
        key = ProcessKey(pid, started)
        process = self._known.get(key)
        # A process that has called execve since is another program under the same identity.
        if process is None or not process.program.name.startswith(field(notice.name)):
            process = self._reader.read(key)
        if process:
            self._known[key] = process
        return process


class _Search:
    """Holders by inode where the source knows it, else by what psutil said."""

    def __init__(self, sockets: Iterable[Socket], hints: Mapping[Place, int]) -> None:
        self._twins = Counter(found.endpoint for found in sockets)
        self._hints = hints
        self._by_inode = DescriptorSearch()
        self._by_endpoint = HolderSearch()

    def holders(self, socket: Socket) -> list[int]:
        if socket.inode is not None:
            hint = self._hints.get(socket.endpoint.place)
            return self._by_inode.holders(socket.inode, hint)
        assert socket.pid is not None  # without either nobody is searched
        if self._twins[socket.endpoint] == 1:
            return self._by_endpoint.holders(socket.endpoint, socket.pid)
        return [socket.pid]


def _netns(pid: int, tid: int) -> int | None:
    try:
        path = f"/proc/{pid}/task/{tid}/ns/net"
        return os.stat(path).st_ino  # noqa: PTH116 - no Path for one number
    except OSError:
        return None


def _identity(socket: Socket, started: int | None) -> _Known:
    """What tells a socket from every other: the inode if the source knows it."""
    if socket.inode is not None:
        return (socket.inode,)
    return (socket.endpoint, socket.pid, socket.fd, started)


def _of_owner(socket: Socket, known: Owned) -> Socket:
    """The socket without its descriptor if that is another holder's than the owner's."""
    if known.owner is None or socket.pid in (None, known.owner.key.pid):
        return socket
    return replace(socket, pid=known.owner.key.pid, fd=None)
