"""Reading processes: psutil anywhere, and on Linux /proc itself, which is ten times cheaper."""

import shlex
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from porteye_core.model import Process, ProcessKey, Program
from porteye_core.owner.masking import mask
from porteye_core.owner.text import cap, clean

LONGEST_CMDLINE = 4096  # bytes; command lines of 100 kB exist, and nobody reads them
# Characters that are searched for secrets: more than is stored, as a mask may shorten them.
_MOST_SEARCHED = 2 * LONGEST_CMDLINE
_LONGEST_RUN = 1024
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

    def started_by(self, pid: int, at: int) -> int | None:
        """When it started, if that was not after `at`, a time by the wall clock as it is now."""
        ...

    def read(self, key: ProcessKey) -> Process | None:
        """Everything that this user may know of the process."""
        ...

    def glance(self, pid: int) -> int | None:
        """A number that changes with the description of the process; None if it cannot be read."""
        ...

    def user_name(self, uid: int) -> str:
        """The name of a user, or the number where the system knows none."""
        ...

    def spent(self, key: ProcessKey) -> Spent | None:
        """What it has used; None, too, for a zombie, whose memory reads as 0."""
        ...


def program(name: str, exe: str, user: str, argv: Sequence[str]) -> Program:
    """A program as it may be stored: secrets masked, text inert, nothing endless."""
    kept = _start(argv)
    cut = " …" if list(argv) != kept else ""
    cmdline = cap(clean(shlex.join(mask(kept)) + cut), LONGEST_CMDLINE)
    return Program(field(name), field(exe), field(user), cmdline)


def field(text: str | None) -> str:
    """A text as it may be stored."""
    return cap(clean(text or ""), LONGEST_FIELD)


def _start(argv: Sequence[str]) -> list[str]:
    """The first words, as many as are searched; the last of them may be cut."""
    kept: list[str] = []
    room = _MOST_SEARCHED
    for word in argv:
        if len(word) >= room:
            kept.append(_cut(word[:room]))
            break
        kept.append(word)
        room -= len(word) + 1
    return kept


def _cut(word: str) -> str:
    """The start of a word without its last run: half a secret is not known as one."""
    earliest = max(len(word) - _LONGEST_RUN, 0)
    blank = word.rfind(" ", earliest)
    return word[: blank if blank >= 0 else earliest]
