"""Interface of process readers, and limits of stored text.

psutil works everywhere; on Linux reading /proc directly is ten times cheaper.
"""

import os
import shlex
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from porteye_core.masking import mask
from porteye_core.model import Process, ProcessKey, Program
from porteye_core.system.plain_text import cap, clean

MAX_CMDLINE = 4096  # bytes; command lines of 100 kB exist, and nobody reads them
# Characters that are searched for secrets: more than stored, because a mask may shorten them.
_MAX_SEARCHED = 2 * MAX_CMDLINE
_MAX_RUN = 1024
MAX_FIELD = 1024
MAX_PARENTS = 32
_MAX_KERNEL_NAME = 15  # bytes; proc_pid_comm(5); macOS stores 15 or 16
_MAX_SCRIPT_WORDS = 4  # a script's path follows its interpreter and a few options
# Java's lists of archives can exceed the stored length, and the program comes after them.
_PATH_LISTS = ("-cp", "-classpath", "--class-path", "--module-path")
_MAX_PATH_LIST = 512


class Spent(NamedTuple):
    """CPU seconds that a process has used so far, and its resident memory now, in bytes."""

    cpu: float
    rss: int


class Processes(Protocol):
    """Reader of processes; returns None if one has ended or its pid was reused."""

    def started_at(self, pid: int) -> int | None:
        """Start time of the process with this pid."""
        ...

    def started_by(self, pid: int, at: int) -> int | None:
        """Start time, if not later than `at`, a time of the current wall clock."""
        ...

    def read(self, key: ProcessKey) -> Process | None:
        """Describe the process, as far as this user may read it."""
        ...

    def glance(self, pid: int) -> int | None:
        """Hash that changes with the description of the process; None if it cannot be read."""
        ...

    def user_name(self, uid: int) -> str:
        """Name of a user, or the uid if the system knows no name."""
        ...

    def spent(self, key: ProcessKey) -> Spent | None:
        """Use of the process; None for a zombie as well, whose memory reads as 0."""
        ...


def program(name: str, exe: str, user: str, argv: Sequence[str]) -> Program:
    """Build a program for storage: secrets masked, text escaped, lengths limited."""
    kept, is_cut = _start(argv)
    cmdline = cap(clean(shlex.join(mask(kept)) + (" …" if is_cut else "")), MAX_CMDLINE)
    return Program(field(_masked_title(name)), field(exe), field(user), cmdline)


def whole_name(stored: bytes, exe: bytes, words: Sequence[bytes]) -> bytes:
    """Full name of a program, of which the system stores only the beginning.

    It is the first of these that begins with the stored name: the command line as a title, its
    first word or that word's file name, a script, the executable.
    """
    if len(stored) < _MAX_KERNEL_NAME:
        return stored
    candidates = [each for word in words[:_MAX_SCRIPT_WORDS] for each in (word, _file_name(word))]
    if b" " in stored:  # a title, split here at its spaces
        candidates.append(b" ".join(words))
    candidates.append(_file_name(exe).removesuffix(b" (deleted)"))
    return next((each for each in candidates if each.startswith(stored)), stored)


def _file_name(path: bytes) -> bytes:
    return os.path.basename(path)  # noqa: PTH119 - no Path takes bytes


def _masked_title(name: str) -> str:
    """Mask the secrets in a name that comes from a title; without secrets its spaces stay."""
    words = name.split()
    masked = mask(words) if len(words) > 1 else words
    return name if masked == words else " ".join(masked)


def field(text: str | None) -> str:
    """Prepare a text for storage."""
    return cap(clean(text or ""), MAX_FIELD)


def without_last_run(word: str) -> str:
    """Drop the end of a cut word, because half a secret is not recognised."""
    earliest = max(len(word) - _MAX_RUN, 0)
    blank = word.rfind(" ", earliest)
    return word[: blank if blank >= 0 else earliest]


def _start(argv: Sequence[str]) -> tuple[list[str], bool]:
    """First words, as many as are searched, and True if words or characters were cut off."""
    kept: list[str] = []
    room = _MAX_SEARCHED
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
    """Shorten a long list of paths, with an ellipsis."""
    if len(paths) <= _MAX_PATH_LIST:
        return paths
    return paths[: paths.rfind(":", 0, _MAX_PATH_LIST) + 1] + "…"
