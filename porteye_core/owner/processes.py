"""Reading processes: psutil anywhere, and on Linux /proc itself, which is ten times cheaper."""

import shlex
import sys
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from porteye_core.model import Process, ProcessKey, Program
from porteye_core.owner.masking import mask
from porteye_core.owner.text import cap, clean

LONGEST_CMDLINE = 4096  # bytes; command lines of 100 kB exist, and nobody reads them
LONGEST_FIELD = 1024
DEEPEST_CHAIN = 32


class Spent(NamedTuple):
    """What a process has used so far: seconds of CPU, and bytes of resident memory now."""

    cpu: float
    rss: int


class Processes(Protocol):
    """Reads processes; None wherever one has ended, or another has its pid now."""

    def started_at(self, pid: int) -> int | None:
        """When the process of this pid started."""
        ...

    def read(self, key: ProcessKey) -> Process | None:
        """Everything that this user may know of the process."""
        ...

    def user_name(self, uid: int) -> str:
        """The name of a user, or the number where the system knows none."""
        ...

    def spent(self, key: ProcessKey) -> Spent | None:
        """What it has used; None, too, for a zombie, whose memory reads as 0."""
        ...


def processes(booted_at: int) -> Processes:
    """The reader for this system; `booted_at` is the moment that Linux counts start times from."""
    if sys.platform == "linux":
        from porteye_core.owner.proc import LinuxProcesses  # noqa: PLC0415 - needs Linux's pwd

        return LinuxProcesses(booted_at)
    from porteye_core.owner.any_system import PsutilProcesses  # noqa: PLC0415 - only where needed

    return PsutilProcesses()


def program(name: str, exe: str, user: str, argv: Sequence[str]) -> Program:
    """A program as it may be stored: secrets masked, text inert, nothing endless."""
    cmdline = cap(clean(shlex.join(mask(argv))), LONGEST_CMDLINE)
    return Program(field(name), field(exe), field(user), cmdline)


def field(text: str | None) -> str:
    """A text as it may be stored."""
    return cap(clean(text or ""), LONGEST_FIELD)
