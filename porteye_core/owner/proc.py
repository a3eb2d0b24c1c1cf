"""Processes through Linux's /proc; formats: proc_pid_stat(5) and its neighbours."""

import errno
import os
import pwd
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from porteye_core.errors import SourceError
from porteye_core.model import Ancestor, Process, ProcessKey, Program
from porteye_core.owner.cgroup import belonging
from porteye_core.owner.processes import DEEPEST_CHAIN, Spent, field, program

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LONGEST_COMM = 15  # the kernel keeps no more of a name
_GLANCED = 512  # bytes of /proc/<pid>/status: the ids of the user stand in the ninth line
_MOST_ARGUMENTS = 1 << 14  # bytes; only 4 KiB of the command line are kept


class Stat(NamedTuple):
    """What is used of /proc/<pid>/stat: started and cpu in clock ticks, rss in pages."""

    name: str
    state: str
    ppid: int
    cpu: int
    started: int
    rss: int


def stat(pid: int, proc: str = "/proc") -> Stat | None:
    """The state of a process now, None if there is none. Raises SourceError."""
    try:
        # Three system calls where a file object makes six: this is read for every process.
        fd = os.open(f"{proc}/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        try:
            text = os.read(fd, 4096)
        finally:
            os.close(fd)
        # The name may have brackets and blanks in it: it ends at the last bracket.
        before, _, after = text.rpartition(b") ")
        fields = after.split()
        return Stat(
            before.partition(b"(")[2].decode("utf-8", "surrogateescape"),
            fields[0].decode("ascii"),
            int(fields[1]),
            int(fields[11]) + int(fields[12]),
            int(fields[19]),
            int(fields[21]),
        )
    except OSError as err:
        check_descriptors(err)
        return None
    except (IndexError, ValueError):  # it ended while it was read
        return None


def check_descriptors(err: OSError) -> None:
    """Raises SourceError if nothing could be opened: that says nothing of what was to be read."""
    if err.errno in (errno.EMFILE, errno.ENFILE):
        raise SourceError(f"Processes cannot be read: {err.strerror}.") from err


class LinuxProcesses:
    """See Processes; `booted_at` makes a start time of ticks, and is the same for one boot."""

    def __init__(self, booted_at: int, proc: str = "/proc") -> None:
        self._booted_at = booted_at
        self._proc = proc

    def started_at(self, pid: int) -> int | None:
        """See Processes.started_at."""
        found = stat(pid, self._proc)
        return self._epoch(found) if found else None

    def started_by(self, pid: int, at: int) -> int | None:
        """See Processes.started_by."""
        found = stat(pid, self._proc)
        if found is None:
            return None
        # The stored moment of the boot stays when the clock is set; this one moves with it. A start
        # counts in hundredths of a second, so that a process may seem to start when it acts.
        since_boot = at - (time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)) // 1000
        ticks = found.started * 1_000_000 // _TICKS
        return self._epoch(found) if ticks <= since_boot + 1_000_000 // _TICKS else None

    def read(self, key: ProcessKey) -> Process | None:
        """See Processes.read."""
        found = stat(key.pid, self._proc)
        if found is None or self._epoch(found) != key.started_at:
            return None
        unit, container = belonging(key.pid, Path(self._proc))
        return Process(
            key,
            self._program(key.pid, found),
            self._parents(found.ppid),
            field(unit),
            field(container),
            field(self._link(key.pid, "cwd")),
        )

    def glance(self, pid: int) -> int | None:
        """See Processes.glance."""
        status = self._head(pid, "status", _GLANCED)
        name, _, rest = status.partition(b"\n")
        if not status or b"\nState:\tZ" in rest:  # a zombie has lost what it was
            return None
        users = rest.partition(b"\nUid:")[2].partition(b"\n")[0]
        command, group = (self._head(pid, each, _MOST_ARGUMENTS) for each in ("cmdline", "cgroup"))
        return hash((name, users, command, group, self._link(pid, "cwd"), self._link(pid, "exe")))

    def user_name(self, uid: int) -> str:
        """See Processes.user_name."""
        return user_name(uid)

    def spent(self, key: ProcessKey) -> Spent | None:
        """See Processes.spent."""
        found = stat(key.pid, self._proc)
        if found is None or self._epoch(found) != key.started_at or found.state == "Z":
            return None
        return Spent(found.cpu / _TICKS, found.rss * _PAGE)

    def _epoch(self, found: Stat) -> int:
        return self._booted_at + found.started * 1_000_000 // _TICKS

    def _program(self, pid: int, found: Stat) -> Program:
        argv = self._argv(pid)
        name = found.name
        if len(name) >= _LONGEST_COMM and argv:
            longer = os.path.basename(argv[0])  # noqa: PTH119 - argv[0] need not be a path
            name = longer if longer.startswith(name) else name
        return program(name, self._link(pid, "exe"), self._user(pid), argv)

    def _argv(self, pid: int) -> list[str]:
        text = self._file(pid, "cmdline", _MOST_ARGUMENTS)
        # A process that rewrote its title leaves one string, padded with NULs or blanks.
        words = text.decode("utf-8", "surrogateescape").rstrip("\0").split("\0")
        return words[0].split() if len(words) == 1 else words

    def _user(self, pid: int) -> str:
        _, found, rest = self._file(pid, "status").partition(b"\nUid:\t")
        return user_name(int(rest.split(maxsplit=1)[0])) if found else ""

    def _parents(self, pid: int) -> tuple[Ancestor, ...]:
        chain: list[Ancestor] = []
        while pid and len(chain) < DEEPEST_CHAIN and (found := stat(pid, self._proc)):
            chain.append(Ancestor(pid, field(found.name)))
            pid = found.ppid
        return tuple(chain)

    def _head(self, pid: int, name: str, size: int) -> bytes:
        # Half the time of a file object: each owner is glanced at every few seconds.
        with suppress(OSError):
            fd = os.open(f"{self._proc}/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                return os.read(fd, size)
            finally:
                os.close(fd)
        return b""

    def _file(self, pid: int, name: str, size: int = -1) -> bytes:
        with suppress(OSError), open(f"{self._proc}/{pid}/{name}", "rb") as file:  # noqa: PTH123
            return file.read(size)
        return b""

    def _link(self, pid: int, name: str) -> str:
        with suppress(OSError):
            return os.readlink(f"{self._proc}/{pid}/{name}")  # noqa: PTH115 - as open above
        return ""


@lru_cache(maxsize=1024)
def user_name(uid: int) -> str:
    """The name of a user, or the number where the system knows none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
