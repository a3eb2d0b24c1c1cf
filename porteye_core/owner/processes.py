"""Reading processes: psutil anywhere, and on Linux /proc itself, which is ten times cheaper."""

import os
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
_LONGEST_KEPT_NAME = 15  # bytes; proc_pid_comm(5), and macOS keeps 15 or 16
_MOST_SCRIPT_WORDS = 4  # a script's path stands behind its interpreter and its few options
# Java's lists of archives are longer than all that is stored, and the program stands behind them.
_PATH_LISTS = ("-cp", "-classpath", "--class-path", "--module-path")
_LONGEST_PATH_LIST = 512


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
    """Return a program as it may be stored: secrets masked, text inert, nothing endless."""
    kept, is_cut = _start(argv)
    cmdline = cap(clean(shlex.join(mask(kept)) + (" …" if is_cut else "")), LONGEST_CMDLINE)
    return Program(field(_masked_title(name)), field(exe), field(user), cmdline)


def whole_name(kept: bytes, exe: bytes, words: Sequence[bytes]) -> bytes:
    """Return a program's name in full, of which the system keeps the beginning.

    It is the first of these that begins with what is kept: the command line as a title, its first
    word or the file that this names, a script, the executable.
    """
    if len(kept) < _LONGEST_KEPT_NAME:
        return kept
    candidates = [each for word in words[:_MOST_SCRIPT_WORDS] for each in (word, _file_name(word))]
    if b" " in kept:  # a title, which stands here split at its blanks
        candidates.append(b" ".join(words))
    candidates.append(_file_name(exe).removesuffix(b" (deleted)"))
    return next((each for each in candidates if each.startswith(kept)), kept)


def _file_name(path: bytes) -> bytes:
    return os.path.basename(path)  # noqa: PTH119 - no Path takes bytes


def _masked_title(name: str) -> str:
    """Mask the secrets of a name that was taken from a title; blanks stay where none is found."""
    words = name.split()
    masked = mask(words) if len(words) > 1 else words
    return name if masked == words else " ".join(masked)


def field(text: str | None) -> str:
    """A text as it may be stored."""
    return cap(clean(text or ""), LONGEST_FIELD)


def without_last_run(word: str) -> str:
    """Return the start of a word that was cut: half a secret is not known as one."""
    earliest = max(len(word) - _LONGEST_RUN, 0)
    blank = word.rfind(" ", earliest)
    return word[: blank if blank >= 0 else earliest]


def _start(argv: Sequence[str]) -> tuple[list[str], bool]:
    """Return the first words, as many as are searched, and whether something is missing at their
    end; the last of them may be cut."""
    kept: list[str] = []
    room = _MOST_SEARCHED
    before = ""
    for full in argv:
        word = _shortened(full) if before in _PATH_LISTS else full
        if len(word) >= room:
            kept.append(without_last_run(word[:room]))
            return kept, True
        kept.append(word)
        room -= len(word) + 1
        before = full
    return kept, False


def _shortened(paths: str) -> str:
    """Return the first paths of a list that is too long, with an ellipsis for the others."""
    if len(paths) <= _LONGEST_PATH_LIST:
        return paths
    return paths[: paths.rfind(":", 0, _LONGEST_PATH_LIST) + 1] + "…"
