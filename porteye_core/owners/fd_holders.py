"""The processes that have certain sockets open, by inode, through the descriptors in Linux's /proc.

One user can own 250 processes with 20,000 descriptors each, of which reading all takes 10 s: a
search keeps only what it was asked for, ends when its time is over, and can go on later.
"""

import itertools
import logging
import os
import struct
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from porteye_core.errors import SourceError
from porteye_core.owners.linux_processes import check_descriptors, stat

log = logging.getLogger("porteye")

# Holders that are kept of all sockets of one user, beside the first of each: 250 processes can
# share 20,000 sockets, of which each then has five million holders.
MAX_SHARED = 10_000
# Links that one search in families remembers: a process rarely listens at more than a few.
_MAX_LINKS = 50_000
_MAX_DESCENDANTS = 1024  # a pre-fork server has tens of workers; a shell may have any number
# Descriptors of one process that a walk reads before it goes on with the others.
_PIECE = 1024
_ONE_THREAD = 3  # links of a folder with one folder in it


class Descriptor(NamedTuple):
    """A process that has a socket open, and its descriptor.

    number: -1 where it is not known; thread: 0 for a descriptor in the table of the process.
    """

    pid: int
    number: int = -1
    thread: int = 0

    @property
    def link(self) -> str:
        """The link in /proc that shows what the descriptor is."""
        task = f"/task/{self.thread}" if self.thread else ""
        return f"/proc/{self.pid}{task}/fd/{self.number}"


_DESCRIPTOR = struct.Struct("=iii")


def packed(descriptors: Iterable[Descriptor]) -> bytes:
    """The descriptors in 12 bytes each: of one socket among 100,000."""
    return b"".join(_DESCRIPTOR.pack(*each) for each in descriptors)


def unpacked(descriptors: bytes) -> list[Descriptor]:
    """The descriptors that were packed."""
    return [Descriptor(*each) for each in _DESCRIPTOR.iter_unpack(descriptors)]


class SharedHolders:
    """Counts, by user, the holders that are kept of sockets beside the first of each."""

    def __init__(self, *, warns: bool = False) -> None:
        """`warns`: log once that holders are left out."""
        self._kept: Counter[int | None] = Counter()
        self._must_warn = warns

    def count(self, kept: Iterable[tuple[int | None, int]]) -> None:
        """Count anew: the user of each socket, and its holders beside the first."""
        self._kept.clear()
        for user, holders in kept:
            self._kept[user] += max(holders, 0)

    def room(self, user: int | None, maximum: int) -> int:
        """The number of further holders that may be kept of a socket of this user."""
        return max(min(MAX_SHARED - self._kept[user], maximum), 0)

    def add(self, user: int | None, holders: int) -> None:
        """Count holders that are kept."""
        self._kept[user] += max(holders, 0)
        if self._must_warn and self._kept[user] >= MAX_SHARED:
            self._must_warn = False
            log.warning(
                "%d holders share the listeners of user %s: no more of them are recorded.",
                MAX_SHARED,
                user,
            )


class OutOfTimeError(Exception):
    """The time of a search is over, or its room."""


class Deadline:
    """The end of the time that a search may take, by the steady clock."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def check(self) -> None:
        """Raises OutOfTimeError once the time is over."""
        if self._clock() > self._end:
            raise OutOfTimeError


class FamilySearch:
    """Finds the holders of sockets among the relatives of a process that is known to hold them.

    A socket reaches any other process through a Unix socket alone; a walk finds that.
    """

    def __init__(self, wanted: Iterable[int], deadline: Deadline, proc: str = "/proc") -> None:
        self._wanted = frozenset(wanted)
        self._deadline = deadline
        self._proc = proc
        self._held: dict[int, dict[int, int]] = {}
        self._room = _MAX_LINKS
        self._below: dict[int, list[int]] = {}

    def holders(self, inode: int, hint: int) -> list[Descriptor]:
        """The holders, the oldest ancestor first; empty if `hint` is none. Raises SourceError,
        OutOfTimeError."""
        self._deadline.check()
        if inode not in self._links(hint):
            return []
        oldest = hint
        family = [hint]
        for ancestor in _ancestors(hint, self._proc):
            if inode not in self._links(ancestor):
                break
            oldest = ancestor
            family.append(ancestor)
        below = [pid for pid in self._descendants(oldest) if pid not in family]
        family += [pid for pid in below if inode in self._links(pid)]
        ordered = [oldest, *sorted(set(family) - {oldest})]
        return [Descriptor(pid, self._links(pid)[inode]) for pid in ordered]

    def _links(self, pid: int) -> dict[int, int]:
        """The wanted sockets that a process has open, with their descriptors; read once."""
        if pid not in self._held:
            found: dict[int, int] = {}
            for number, inode in _sockets(f"{self._proc}/{pid}/fd", self._deadline):
                if inode in self._wanted:
                    found.setdefault(inode, number)
            self._held[pid] = found
            self._room -= len(found)
            if self._room < 0:
                raise OutOfTimeError
        return self._held[pid]

    def _descendants(self, pid: int) -> list[int]:
        if pid not in self._below:
            self._below[pid] = self._search_below(pid)
        return self._below[pid]

    def _search_below(self, pid: int) -> list[int]:
        found: list[int] = []
        queue = deque([pid])
        while queue and len(found) < _MAX_DESCENDANTS:
            below = list(self._children(queue.popleft()))
            found += below
            queue += below
        return found[:_MAX_DESCENDANTS]

    def _children(self, pid: int) -> Iterable[int]:
        """The children of every thread: CONFIG_PROC_CHILDREN, which distributions set."""
        for thread in _threads(pid, self._proc):
            try:
                with open(f"{self._proc}/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123
                    yield from map(int, file.read().split())
            except OSError:
                continue


class Walk:
    """A search through the descriptors of every process, which goes on until it is done.

    It reads a piece of each process before the rest of any, the processes of the sockets' users
    first, so that nobody's descriptors keep it from those of others. Where a socket is not found
    it reads the tables of threads that have their own, too, or that outlived the first thread.
    """

    def __init__(
        self, wanted: Mapping[int, int | None], proc: str = "/proc", among: Iterable[int] = ()
    ) -> None:
        """`wanted`: the sockets' users by inode; `among`: these processes alone. Raises
        SourceError."""
        self.wanted = wanted
        self._shared = SharedHolders()
        self.found: dict[int, bytes] = {}  # packed
        self.sought: set[int] = set()  # inodes that were searched beside it
        self.is_done = not wanted
        self._started: dict[int, int | None] = {}
        self._proc = proc
        self._pids = list(among) or pids(proc)
        if not among:
            users = set(wanted.values()) - {None}
            if users:
                self._pids.sort(key=lambda pid: _user(pid, proc) not in users)
        self._steps = self._run()

    def advance(self, deadline: Deadline) -> None:
        """Go on until it is done or the time is over. Raises SourceError."""
        try:
            while not self.is_done:
                deadline.check()
                next(self._steps)
        except StopIteration:
            self.is_done = True
        except OutOfTimeError:
            pass

    def holders(self, inode: int) -> list[Descriptor]:
        """Those that were found, the oldest first."""
        found = {each.pid: each for each in unpacked(self.found.get(inode, b""))}
        started = {pid: at for pid in found if (at := self._started_at(pid)) is not None}
        return [found[pid] for pid in sorted(started, key=lambda pid: (started[pid], pid))]

    def _started_at(self, pid: int) -> int | None:
        """The start of a process, read once: it may hold thousands of sockets."""
        if pid not in self._started:
            found = stat(pid, self._proc)
            self._started[pid] = found.started if found else None
        return self._started[pid]

    def _run(self) -> Iterator[None]:
        yield from self._read((pid, 0) for pid in self._pids)
        if len(self.found) < len(self.wanted):
            yield from self._read(
                (pid, thread) for pid in self._pids for thread in _other_tables(pid, self._proc)
            )

    def _read(self, tables: Iterable[tuple[int, int]]) -> Iterator[None]:
        large: list[tuple[int, int]] = []
        for pid, thread in tables:
            if self._take(pid, thread, self._sockets(pid, thread)):
                large.append((pid, thread))
            yield
        for pid, thread in large:
            sockets = self._sockets(pid, thread)
            while self._take(pid, thread, sockets):
                yield

    def _sockets(self, pid: int, thread: int) -> Iterator[tuple[int, int]]:
        task = f"/task/{thread}" if thread else ""
        return _sockets(f"{self._proc}/{pid}{task}/fd")

    def _take(self, pid: int, thread: int, sockets: Iterator[tuple[int, int]]) -> bool:
        """Read one piece; returns true if there may be more."""
        count = 0
        for number, inode in itertools.islice(sockets, _PIECE):
            count += 1
            if inode in self.wanted:
                self._keep(inode, Descriptor(pid, number, thread))
        return count == _PIECE

    def _keep(self, inode: int, by: Descriptor) -> None:
        held, user = self.found.get(inode, b""), self.wanted[inode]
        if held:
            last = unpacked(held[-_DESCRIPTOR.size :])[0]
            if last.pid == by.pid or not self._shared.room(user, 1):
                return
            self._shared.add(user, 1)
        self.found[inode] = held + packed([by])


def holds(descriptor: Descriptor, inode: int) -> bool:
    """Tell that the socket is still where it was found."""
    try:
        return os.readlink(descriptor.link) == f"socket:[{inode}]"  # noqa: PTH115 - no Path for one
    except OSError:
        return False


def pids(proc: str = "/proc") -> list[int]:
    """The processes that there are. Raises SourceError."""
    try:
        return [int(name) for name in os.listdir(proc) if name.isdecimal()]  # noqa: PTH208
    except OSError as err:
        raise SourceError(f"The processes cannot be listed: {err.strerror}.") from err


def pids_of(user: int) -> list[int]:
    """The processes of a user. Raises SourceError."""
    return [pid for pid in pids() if _user(pid, "/proc") == user]


def _sockets(folder: str, deadline: Deadline | None = None) -> Iterator[tuple[int, int]]:
    """The descriptors of a folder, each with the inode of its socket, 0 if it is another file;
    read as far as they are wanted."""
    try:
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries):
                if deadline and not count % _PIECE:
                    deadline.check()
                try:
                    target = os.readlink(entry.path)  # noqa: PTH115 - strings, no Path
                except OSError:  # closed meanwhile
                    continue
                yield int(entry.name), int(target[8:-1]) if target[:8] == "socket:[" else 0
    except OSError as err:  # it has ended, or belongs to another user
        check_descriptors(err)


def _threads(pid: int, proc: str) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"{proc}/{pid}/task")]  # noqa: PTH208
    except OSError:
        return []


def _other_tables(pid: int, proc: str) -> Iterator[int]:
    """The threads with another number of descriptors than the first: Linux 6.2 says it
    as the size of the folder. Before that, and where both have as many, such a table is missed."""
    if _stat(f"{proc}/{pid}/task", "st_nlink") <= _ONE_THREAD:
        return
    first = _stat(f"{proc}/{pid}/fd", "st_size")
    state = stat(pid, proc)
    has_ended = state is not None and state.state == "Z"
    for thread in _threads(pid, proc):
        folder = f"{proc}/{pid}/task/{thread}/fd"
        if thread != pid and (has_ended or _stat(folder, "st_size") != first):
            yield thread


def _stat(path: str, field: str) -> int:
    try:
        return int(getattr(os.stat(path), field))  # noqa: PTH116 - as above
    except OSError:
        return -1


def _user(pid: int, proc: str) -> int:
    return _stat(f"{proc}/{pid}", "st_uid")


def _ancestors(pid: int, proc: str) -> Iterator[int]:
    found = stat(pid, proc)
    while found and found.ppid:
        yield found.ppid
        found = stat(found.ppid, proc)
