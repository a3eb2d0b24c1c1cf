"""Processes through Linux's /proc; formats: proc_pid_stat(5) and its neighbours."""

import errno
import os
import time
from contextlib import suppress
from typing import NamedTuple

from porteye_core.errors import SourceError
from porteye_core.model import Ancestor, Process, ProcessKey, Program
from porteye_core.owner import cgroup
from porteye_core.owner.processes import (
    DEEPEST_CHAIN,
    Spent,
    field,
    program,
    whole_name,
    without_last_run,
)
from porteye_core.owner.text import decoded
from porteye_core.owner.user_names import UserNames

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MOST_ARGUMENTS = 1 << 15  # bytes; only 4 KiB of the command line are kept
_LONGEST_STATUS = 1 << 12  # bytes; the user stands among the first 200
_LONGEST_CGROUP = 1 << 14  # bytes; a path has 4,096 at most, and the first version 13 lines
_ENDED = ("Z", "X")


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
        self._user_names = UserNames()

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
        folder = self._folder(key.pid, found)
        belonging = cgroup.parse(decoded(_file(folder + b"/cgroup", _LONGEST_CGROUP)))
        return Process(
            key,
            self._program(folder, found),
            self._parents(found.ppid),
            field(belonging.unit),
            field(belonging.container),
            field(decoded(_link(folder + b"/cwd"))),
        )

    def glance(self, pid: int) -> int | None:
        """See Processes.glance."""
        folder = f"{self._proc}/{pid}".encode()
        try:
            user = os.stat(folder).st_uid  # noqa: PTH116 - the effective one, see proc(5)
        except OSError:
            return None
        exe, command = _link(folder + b"/exe"), _file(folder + b"/cmdline", _MOST_ARGUMENTS)
        if not exe and not command:  # a zombie has lost what it was, and the kernel's have nothing
            return None
        return hash((_file(folder + b"/comm", 64), user, command, exe, _link(folder + b"/cwd")))

    def user_name(self, uid: int) -> str:
        """See Processes.user_name."""
        return self._user_names.name(uid)

    def spent(self, key: ProcessKey) -> Spent | None:
        """See Processes.spent."""
        found = stat(key.pid, self._proc)
        if found is None or self._epoch(found) != key.started_at:
            return None
        rss = found.rss
        if found.state in _ENDED:
            thread = self._living_thread(key.pid)
            if thread is None:
                return None
            rss = thread[1].rss  # the times are the whole process's still
        return Spent(found.cpu / _TICKS, rss * _PAGE)

    def _epoch(self, found: Stat) -> int:
        return self._booted_at + found.started * 1_000_000 // _TICKS

    def _folder(self, pid: int, found: Stat) -> bytes:
        """Return the folder to read: of a process whose main thread has ended, which leaves its
        own links and command line empty, a living thread's."""
        folder = f"{self._proc}/{pid}"
        if found.state in _ENDED and (thread := self._living_thread(pid)):
            folder += f"/task/{thread[0]}"
        return folder.encode()

    def _living_thread(self, pid: int) -> tuple[int, Stat] | None:
        folder = f"{self._proc}/{pid}/task"
        with suppress(OSError), os.scandir(folder) as threads:
            for each in threads:
                found = stat(int(each.name), folder)
                if found and found.state not in _ENDED:
                    return int(each.name), found
        return None

    def _program(self, folder: bytes, found: Stat) -> Program:
        exe = _link(folder + b"/exe")
        arguments = _file(folder + b"/cmdline", _MOST_ARGUMENTS)
        words = _words(arguments, exe)
        name = whole_name(found.name.encode("utf-8", "surrogateescape"), exe, words)
        argv = list(map(decoded, words))
        if len(arguments) == _MOST_ARGUMENTS:
            argv[-1:] = map(without_last_run, argv[-1:])
        return program(decoded(name), decoded(exe), self._user(folder), argv)

    def _user(self, folder: bytes) -> str:
        """Return whose rights it has: the effective user, second of the four that it is told by."""
        status = _file(folder + b"/status", _LONGEST_STATUS)
        _, found, rest = status.partition(b"\nUid:\t")
        return self._user_names.name(int(rest.split(maxsplit=2)[1])) if found else ""

    def _parents(self, pid: int) -> tuple[Ancestor, ...]:
        chain: list[Ancestor] = []
        while pid and len(chain) < DEEPEST_CHAIN and (found := stat(pid, self._proc)):
            chain.append(Ancestor(pid, field(found.name)))
            pid = found.ppid
        return tuple(chain)


def _words(arguments: bytes, exe: bytes) -> list[bytes]:
    """Split a command line as the kernel keeps it.

    A process that rewrote its title leaves one text, padded with NULs or blanks, which is split at
    its blanks; the path of a program that was started without arguments stays whole.
    """
    words = arguments.rstrip(b"\0").split(b"\0")
    (first, *rest) = words
    is_path = os.path.basename(first) == os.path.basename(exe)  # noqa: PTH119 - bytes
    return words if rest or (first and is_path) else first.split()


def _file(path: bytes, size: int) -> bytes:
    """Return the start of a file in one read, empty if it cannot be read."""
    with suppress(OSError):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(fd, size)
        finally:
            os.close(fd)
    return b""


def _link(path: bytes) -> bytes:
    """Return where a link leads, empty if it cannot be read. As bytes: a text would be decoded as
    the locale says, and other text of a process is UTF-8 whatever the locale."""
    with suppress(OSError):
        return os.readlink(path)  # noqa: PTH115 - a Path takes longer than the call
    return b""
