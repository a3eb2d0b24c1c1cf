"""Which processes have a socket open, by its inode, through the descriptors in Linux's /proc."""

import os
from collections.abc import Iterable, Iterator

from porteye_core.errors import SourceError
from porteye_core.owner.proc import check_descriptors, stat

_MOST_DESCENDANTS = 1024  # a pre-fork server has tens of workers; a shell may have any number


class DescriptorSearch:
    """One search, for the sockets of one look; walks over all processes at most once."""

    def __init__(self, proc: str = "/proc") -> None:
        self._proc = proc
        self._everyone: dict[int, list[int]] | None = None
        self._sockets_of: dict[int, set[int]] = {}

    def holders(self, inode: int, hint: int | None) -> list[int]:
        """The pids that hold a socket, the oldest ancestor first; empty if none can be found.

        With a hint that is right only its family is asked: a socket reaches any other process
        through a Unix socket alone, and then this one finds nothing of it until a full walk.
        """
        if hint is None or not self.holds(hint, inode):
            return _oldest_first(self._walk().get(inode, []), self._proc)
        oldest = hint
        family = [hint]
        for ancestor in _ancestors(hint, self._proc):
            if not self.holds(ancestor, inode):
                break
            oldest = ancestor
            family.append(ancestor)
        below = [pid for pid in self._descendants(oldest) if pid not in family]
        family += [pid for pid in below if self.holds(pid, inode)]
        return [oldest, *sorted(set(family) - {oldest})]

    def holds(self, pid: int, inode: int) -> bool:
        """Whether the process has the socket open."""
        return inode in self.sockets(pid)

    def sockets(self, pid: int) -> set[int]:
        """The inodes of every socket that the process has open; read once. Raises SourceError."""
        if pid not in self._sockets_of:
            targets = self._targets(pid)
            self._sockets_of[pid] = {int(t[8:-1]) for t in targets if t.startswith("socket:[")}
        return self._sockets_of[pid]

    def _walk(self) -> dict[int, list[int]]:
        if self._everyone is None:
            self._everyone = {}
            for pid in pids(self._proc):
                for inode in self.sockets(pid):
                    self._everyone.setdefault(inode, []).append(pid)
        return self._everyone

    def _targets(self, pid: int) -> Iterator[str]:
        folder = f"{self._proc}/{pid}/fd"
        try:
            names = os.listdir(folder)  # noqa: PTH208 - strings, without a Path for each
        except OSError as err:  # it has ended, or belongs to another user
            check_descriptors(err)
            return
        for name in names:
            try:
                yield os.readlink(f"{folder}/{name}")  # noqa: PTH115
            except OSError:  # closed meanwhile
                continue

    def _descendants(self, pid: int) -> list[int]:
        found: list[int] = []
        queue = [pid]
        while queue and len(found) < _MOST_DESCENDANTS:
            below = list(self._children(queue.pop(0)))
            found += below
            queue += below
        return found[:_MOST_DESCENDANTS]

    def _children(self, pid: int) -> Iterable[int]:
        """The children of every thread: CONFIG_PROC_CHILDREN, which distributions set."""
        try:
            threads = os.listdir(f"{self._proc}/{pid}/task")  # noqa: PTH208
        except OSError:
            return
        for thread in threads:
            try:
                with open(f"{self._proc}/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123
                    yield from map(int, file.read().split())
            except OSError:
                continue


def pids(proc: str = "/proc") -> list[int]:
    """The processes that there are. Raises SourceError."""
    try:
        return [int(name) for name in os.listdir(proc) if name.isdecimal()]  # noqa: PTH208
    except OSError as err:
        raise SourceError(f"The processes cannot be listed: {err.strerror}.") from err


def _ancestors(pid: int, proc: str) -> Iterator[int]:
    found = stat(pid, proc)
    while found and found.ppid:
        yield found.ppid
        found = stat(found.ppid, proc)


def _oldest_first(holders: list[int], proc: str) -> list[int]:
    started = {pid: found.started for pid in holders if (found := stat(pid, proc))}
    return sorted(started, key=lambda pid: (started[pid], pid))
