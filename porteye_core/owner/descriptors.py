"""The processes that have certain sockets open, by inode, through the descriptors in Linux's /proc.

One user can own 250 processes with 20,000 descriptors each, of which reading all takes 10 s: a
search keeps only what it was asked for, ends when its time is over, and can go on later.
"""

import itertools
import logging
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from porteye_core.errors import SourceError
from porteye_core.owner.proc import check_descriptors, stat

log = logging.getLogger("porteye")

# Holders that are kept of all sockets of one user, beside the first of each: 250 processes can
# share 20,000 sockets, of which each then has five million holders.
MOST_SHARED = 10_000
# Links that one search in families remembers: a process rarely listens at more than a few.
_MOST_LINKS = 50_000
_MAX_DESCENDANTS = 1024  # a pre-fork server has tens of workers; a shell may have any number
# Descriptors of one process that a walk reads before it goes on with the others.
_PIECE = 1024
_ONE_THREAD = 3  # links of a folder with one folder in it


class Descriptor(NamedTuple):
    """A process that has a socket open, and the link that shows it."""

    pid: int
    link: str


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

    def room(self, user: int | None, most: int) -> int:
        """The number of further holders that may be kept of a socket of this user."""
        return max(min(MOST_SHARED - self._kept[user], most), 0)

    def add(self, user: int | None, holders: int) -> None:
        """Count holders that are kept."""
        self._kept[user] += max(holders, 0)
        if self._must_warn and self._kept[user] >= MOST_SHARED:
            self._must_warn = False
            log.warning(
                "%d holders share the listeners of user %s: no more of them are recorded.",
                MOST_SHARED,
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
        self._wanted = {f"socket:[{inode}]": inode for inode in wanted}
        self._deadline = deadline
        self._proc = proc
        self._held: dict[int, dict[int, str]] = {}
        self._room = _MOST_LINKS
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

    def _links(self, pid: int) -> dict[int, str]:
        """The wanted sockets that a process has open, with their links; read once."""
        if pid not in self._held:
            found: dict[int, str] = {}
            for link, target in _targets(f"{self._proc}/{pid}/fd", self._deadline):
                if target in self._wanted:
                    found.setdefault(self._wanted[target], link)
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
        self.wanted = frozenset(wanted)
        self._users = dict(wanted)
        self._shared = SharedHolders()
        self.found: dict[int, list[Descriptor]] = {}
        self.is_done = not wanted
        self._targets = {f"socket:[{inode}]": inode for inode in wanted}
        self._proc = proc
        self._pids = list(among) or pids(proc)
        users = set(wanted.values()) - {None}
        if not among and users:
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
        found = {each.pid: each for each in self.found.get(inode, ())}
        started = {pid: at.started for pid in found if (at := stat(pid, self._proc))}
        return [found[pid] for pid in sorted(started, key=lambda pid: (started[pid], pid))]

    def _run(self) -> Iterator[None]:
        yield from self._read((pid, f"{self._proc}/{pid}/fd") for pid in self._pids)
        if self.wanted - self.found.keys():
            yield from self._read(
                (pid, folder) for pid in self._pids for folder in _other_tables(pid, self._proc)
            )

    def _read(self, folders: Iterable[tuple[int, str]]) -> Iterator[None]:
        large: list[tuple[int, str]] = []
        for pid, folder in folders:
            if self._take(pid, _targets(folder)):
                large.append((pid, folder))
            yield
        for pid, folder in large:
            links = _targets(folder)
            while self._take(pid, links):
                yield

    def _take(self, pid: int, links: Iterator[tuple[str, str]]) -> bool:
        """Read one piece; returns true if there may be more."""
        count = 0
        for link, target in itertools.islice(links, _PIECE):
            count += 1
            if inode := self._targets.get(target):
                self._keep(inode, Descriptor(pid, link))
        return count == _PIECE

    def _keep(self, inode: int, by: Descriptor) -> None:
        held, user = self.found.setdefault(inode, []), self._users[inode]
        if not held:
            held.append(by)
        elif held[-1].pid != by.pid and self._shared.room(user, 1):
            self._shared.add(user, 1)
            held.append(by)


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


def _targets(folder: str, deadline: Deadline | None = None) -> Iterator[tuple[str, str]]:
    """The links of a folder of descriptors, and what each is; read as far as they are wanted."""
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if deadline and not number % _PIECE:
                    deadline.check()
                try:
                    yield entry.path, os.readlink(entry.path)  # noqa: PTH115 - strings, no Path
                except OSError:  # closed meanwhile
                    continue
    except OSError as err:  # it has ended, or belongs to another user
        check_descriptors(err)


def _threads(pid: int, proc: str) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"{proc}/{pid}/task")]  # noqa: PTH208
    except OSError:
        return []


def _other_tables(pid: int, proc: str) -> Iterator[str]:
    """The folders of threads with another number of descriptors than the first: Linux 6.2 says it
    as the size of the folder. Before that, and where both have as many, such a table is missed."""
    if _stat(f"{proc}/{pid}/task", "st_nlink") <= _ONE_THREAD:
        return
    first = _stat(f"{proc}/{pid}/fd", "st_size")
    state = stat(pid, proc)
    has_ended = state is not None and state.state == "Z"
    for thread in _threads(pid, proc):
        folder = f"{proc}/{pid}/task/{thread}/fd"
        if thread != pid and (has_ended or _stat(folder, "st_size") != first):
            yield folder


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
