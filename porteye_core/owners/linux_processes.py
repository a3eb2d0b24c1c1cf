"""Processes through Linux's /proc; formats: proc_pid_stat(5) and related pages."""

import errno
import os
import time
from contextlib import suppress
from typing import NamedTuple

from porteye_core.errors import SourceError
from porteye_core.model import Ancestor, Process, ProcessKey, Program
from porteye_core.owners import cgroup
from porteye_core.owners.container_names import ContainerNames
from porteye_core.owners.processes import (
    MAX_PARENTS,
    Spent,
    field,
    program,
    whole_name,
    without_last_run,
)
from porteye_core.owners.user_names import UserNames
from porteye_core.system.plain_text import decoded
from porteye_core.system.procfs import stat_fields

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MAX_ARGUMENTS = 1 << 15  # bytes; only 4 KiB of the command line are stored
_MAX_STATUS = 1 << 12  # bytes; the user is within the first 200
_MAX_CGROUP = 1 << 14  # bytes; a path has at most 4,096, and version 1 has 13 lines
_ENDED = ("Z", "X")


class Stat(NamedTuple):
    """Fields of /proc/<pid>/stat: started and cpu in clock ticks, rss in pages."""

    name: str
    state: str
    ppid: int
    cpu: int
    started: int
    rss: int


def stat(pid: int, proc: str = "/proc") -> Stat | None:
    """Read the state of a process; None if there is none. Raises SourceError."""
    try:
        name, fields = stat_fields(f"{proc}/{pid}/stat")
        return Stat(
            name.decode("utf-8", "surrogateescape"),
            fields[0].decode("ascii"),
            int(fields[1]),
            int(fields[11]) + int(fields[12]),
            int(fields[19]),
            int(fields[21]),
        )
    except OSError as err:
        check_descriptors(err)
        return None
    except (IndexError, ValueError):  # the process ended during the read
        return None


def check_descriptors(err: OSError) -> None:
    """Raise SourceError if no descriptor was free, which does not mean that no process exists."""
    if err.errno in (errno.EMFILE, errno.ENFILE):
        raise SourceError(f"Processes cannot be read: {err.strerror}.") from err


class LinuxProcesses:
    """See Processes; `booted_at`: time of the boot, to which start times in ticks are added;
    `names`: looks up the containers of processes that are read."""

    def __init__(
        self, booted_at: int, proc: str = "/proc", names: ContainerNames | None = None
    ) -> None:
        self._booted_at = booted_at
        self._names = names
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
        # The stored time of the boot stays when the clock is set; this one moves with it. Starts
        # are in hundredths of a second, so a process may seem to start when it opens a socket.
        since_boot = at - (time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)) // 1000
        ticks = found.started * 1_000_000 // _TICKS
        return self._epoch(found) if ticks <= since_boot + 1_000_000 // _TICKS else None

    def read(self, key: ProcessKey) -> Process | None:
        """See Processes.read."""
        found = stat(key.pid, self._proc)
        if found is None or self._epoch(found) != key.started_at:
            return None
        folder = self._folder(key.pid, found)
        groups = decoded(_file(folder + b"/cgroup", _MAX_CGROUP))
        belonging = cgroup.parse(groups)
        container = field(belonging.container)
        if container and self._names is not None:
            self._names.see(container, cgroup.user(groups))
        return Process(
            key,
            self._program(folder, found),
            self._parents(found.ppid),
            field(belonging.unit),
            container,
            field(decoded(_link(folder + b"/cwd"))),
        )

    def glance(self, pid: int) -> int | None:
        """See Processes.glance."""
        folder = f"{self._proc}/{pid}".encode()
        try:
            user = os.stat(folder).st_uid  # noqa: PTH116 - the effective one, see proc(5)
        except OSError:
            return None
        exe, command = _link(folder + b"/exe"), _file(folder + b"/cmdline", _MAX_ARGUMENTS)
        if not exe and not command:  # a zombie or a kernel thread
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
            rss = thread[1].rss  # the CPU time is still the whole process's
        return Spent(found.cpu / _TICKS, rss * _PAGE)

    def _epoch(self, found: Stat) -> int:
        return self._booted_at + found.started * 1_000_000 // _TICKS

    def _folder(self, pid: int, found: Stat) -> bytes:
        """Folder to read: that of a living thread if the main thread has ended.

        The links and command line of an ended main thread are empty.
        """
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
        arguments = _file(folder + b"/cmdline", _MAX_ARGUMENTS)
        words = _words(arguments, exe)
        name = whole_name(found.name.encode("utf-8", "surrogateescape"), exe, words)
        argv = list(map(decoded, words))
        if len(arguments) == _MAX_ARGUMENTS:
            argv[-1:] = map(without_last_run, argv[-1:])
        return program(decoded(name), decoded(exe), self._user(folder), argv)

    def _user(self, folder: bytes) -> str:
        """Effective user, the second of four in the status file."""
        status = _file(folder + b"/status", _MAX_STATUS)
        _, found, rest = status.partition(b"\nUid:\t")
        return self._user_names.name(int(rest.split(maxsplit=2)[1])) if found else ""

    def _parents(self, pid: int) -> tuple[Ancestor, ...]:
        chain: list[Ancestor] = []
        while pid and len(chain) < MAX_PARENTS and (found := stat(pid, self._proc)):
            chain.append(Ancestor(pid, field(found.name)))
            pid = found.ppid
        return tuple(chain)


def _words(arguments: bytes, exe: bytes) -> list[bytes]:
    """Split a command line as the kernel stores it.

    A process that rewrote its title has one text, padded with NULs or spaces, which is split at
    spaces. The path of a program without arguments stays whole.
    """
    words = arguments.rstrip(b"\0").split(b"\0")
    (first, *rest) = words
    is_path = os.path.basename(first) == os.path.basename(exe)  # noqa: PTH119 - bytes
    return words if rest or (first and is_path) else first.split()


def _file(path: bytes, size: int) -> bytes:
    """Read the start of a file with one call; empty if it cannot be read."""
    with suppress(OSError):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(fd, size)
        finally:
            os.close(fd)
    return b""


def _link(path: bytes) -> bytes:
    """Read the target of a link; empty if it cannot be read.

    It is bytes, because os.readlink would decode text by the locale, and other text of a process is
    decoded as UTF-8.
    """
    with suppress(OSError):
        return os.readlink(path)  # noqa: PTH115 - a Path takes longer than the call
    return b""
