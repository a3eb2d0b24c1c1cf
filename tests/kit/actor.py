"""A process that opens, shares and closes listeners, and logs each step with times around it.

The log has one JSON object a line, in the order of time over all processes. Times are microseconds
since the epoch.
"""

import ctypes
import json
import os
import platform
import random
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

# linux/sched.h, linux/prctl.h
CLONE_FILES, CLONE_NEWNET = 0x400, 0x40000000
_PDEATHSIG, _CHILD_SUBREAPER = 1, 36
_SIGKILL = 9
_SYS_EXIT = {"x86_64": 60, "aarch64": 93}  # asm/unistd.h

_LIBC = ctypes.CDLL(None, use_errno=True)
_FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}

Endpoint = tuple[str, int]


def now() -> int:
    return time.time_ns() // 1000


def unshare(flags: int) -> None:
    _check(_LIBC.unshare(flags))


def enter_network(descriptor: int) -> None:
    """Move this thread to a network namespace."""
    _check(_LIBC.setns(descriptor, CLONE_NEWNET))


def end_thread() -> NoReturn:
    """End this thread and no other, the main thread too."""
    _LIBC.syscall(_SYS_EXIT[platform.machine()], 0)
    raise AssertionError


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parents end, and end with the own parent."""
    _check(_LIBC.prctl(_CHILD_SUBREAPER, 1, 0, 0, 0))
    _check(_LIBC.prctl(_PDEATHSIG, _SIGKILL, 0, 0, 0))


def _check(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Log:
    """A log that several processes append to; a line of it is written at once."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, event: str, **fields: object) -> None:
        os.write(self._fd, json.dumps({"event": event, **fields}).encode() + b"\n")


@dataclass(frozen=True)
class Made:
    """A socket, and what it was asked for as."""

    protocol: str
    family: str
    socket: socket.socket


class Actor:
    """The listeners of one process; the id of a life is the opener's pid and the time."""

    def __init__(self, log: Log, chance: random.Random) -> None:
        self.log = log
        self.chance = chance
        self.operation = ""
        self.held: dict[str, list[socket.socket]] = {}

    # --- listeners -------------------------------------------------------------------------------

    def open(
        self, protocol: str, family: str, at: Endpoint, *options: int, bound: bool = True
    ) -> str:
        """Open a listener and return its life; options: SO_REUSEPORT, for instance."""
        made = self.make(protocol, family, *options)
        if protocol == "udp":
            return self._live(made, lambda: made.socket.bind(at))
        if bound:
            made.socket.bind(at)
        return self.listen(made)

    def make(self, protocol: str, family: str, *options: int) -> Made:
        made = socket.socket(_FAMILIES[family], _KINDS[protocol])
        for option in options:
            made.setsockopt(socket.SOL_SOCKET, option, 1)
        return Made(protocol, family, made)

    def listen(self, made: Made) -> str:
        """Have a TCP socket listen, and return the life that begins."""
        return self._live(made, made.socket.listen)

    def listen_again(self, life: str) -> str:
        """Have the socket of a life that is over listen once more; returns the life that begins."""
        (again,) = self.held.pop(life)
        family = "ipv4" if again.family == socket.AF_INET else "ipv6"
        return self.listen(Made("tcp", family, again))

    def _live(self, made: Made, begin: Callable[[], None]) -> str:
        before = now()
        begin()
        after = now()
        life = f"{os.getpid()}-{before}"
        address, port = made.socket.getsockname()[:2]
        self.log.write(
            "opened",
            life=life,
            operation=self.operation,
            protocol=made.protocol,
            family=made.family,
            address=address,
            port=port,
            inode=os.fstat(made.socket.fileno()).st_ino,
            netns=Path("/proc/thread-self/ns/net").stat().st_ino,
            pid=os.getpid(),
            before=before,
            after=after,
        )
        self.held[life] = [made.socket]
        return life

    def address(self, life: str) -> Endpoint:
        address, port = self.held[life][0].getsockname()[:2]
        return address, port

    def hold(self, life: str, received: socket.socket) -> None:
        """Take over a listener of another process."""
        self.log.write("held", life=life, pid=os.getpid())
        self.held[life] = [received]

    def close(self, *lives: str) -> None:
        """Close every descriptor that this process has of a listener."""
        for life in lives:
            with self._releasing(life):
                for each in self.held.pop(life):
                    each.close()

    def close_all(self) -> None:
        self.close(*self.held)

    def replace(self, life: str, by: str) -> None:
        """Put another listener under the only descriptor of this one, which closes it."""
        (gone,) = self.held.pop(life)
        with self._releasing(life):
            os.dup2(self.held[by][0].fileno(), gone.fileno())
        self.held[by].append(gone)

    @contextmanager
    def ending(self, life: str) -> Iterator[socket.socket]:
        """The time in which a socket stops listening, although it stays open."""
        before = now()
        yield self.held[life][0]
        self.log.write("over", life=life, before=before, after=now())

    @contextmanager
    def _releasing(self, life: str) -> Iterator[None]:
        before = now()
        yield
        self.log.write("released", life=life, pid=os.getpid(), before=before, after=now())

    # --- processes -------------------------------------------------------------------------------

    def fork(self, task: Callable[["Actor"], None]) -> int:
        """Start a child that inherits the listeners, runs the task and ends."""
        chance = random.Random(self.chance.random())
        pid = os.fork()
        if pid == 0:
            self._become_child(task, chance)
        return pid

    def _become_child(self, task: Callable[["Actor"], None], chance: random.Random) -> NoReturn:
        self.chance = chance
        for life in self.held:
            self.log.write("held", life=life, pid=os.getpid())
        try:
            task(self)
        except BaseException:  # noqa: BLE001 - the test shows it
            self.log.write("failed", operation=self.operation, why=traceback.format_exc())
        self.exit()

    def exit(self) -> NoReturn:
        """End with whatever is open."""
        self.log.write("exits", pid=os.getpid(), before=now())
        os._exit(0)

    def reap(self) -> None:
        """Wait for every descendant."""
        while True:
            try:
                pid, _ = os.wait()
            except ChildProcessError:
                return
            self.log.write("ended", pid=pid, after=now())
