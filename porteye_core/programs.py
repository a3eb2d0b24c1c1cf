"""Programs as people know them: a title to show, and what makes two processes the same program."""

import re
from dataclasses import dataclass
from functools import lru_cache

from porteye_core import interpreters
from porteye_core.interpreters import DELETED, Run

__all__ = ["DELETED", "Identity", "title"]

_LONGEST_TITLE = 120  # letters; a title that a program has set may be a whole command line
# A word of a stored command line, which shlex.join has quoted and whose end may be cut.
_WORD = re.compile(r"(?:[^\s'\"]|'[^']*(?:'|$)|\"[^\"]*(?:\"|$))+")
_QUOTED = re.compile(r"'([^']*)(?:'|$)|\"([^\"]*)(?:\"|$)")
_POD = re.compile(r" pod:(\S+)")
# Names that are made anew for each start (scopes, systemd-run's units, services of a desktop), and
# a user's systemd, which everything of the user lies below.
_TRANSIENT = re.compile(r".*\.scope|run-.*\.service|app-.*@[0-9a-f]{32}\.service|user@\d+\.service")


def title(name: str, exe: str, cmdline: str) -> str:
    """Return a stored program's title: of an interpreter what it runs, else its name.

    The name stays, too, where a process has given itself another than the kernel did.

    >>> title("node", "/usr/bin/node", "node server.js")
    'server.js (node)'
    """
    found = _run(name, exe, cmdline)
    shown = found.title if found else name
    return shown if len(shown) <= _LONGEST_TITLE else shown[: _LONGEST_TITLE - 1] + "…"


@lru_cache(maxsize=2048)  # a page or an export asks for few programs in many rows
def _run(name: str, exe: str, cmdline: str) -> Run | None:
    words = [_unquoted(word) for word in _WORD.findall(cmdline)]
    return interpreters.run(name, exe, words)


def _unquoted(word: str) -> str:
    return _QUOTED.sub(lambda piece: piece[1] if piece[1] is not None else piece[2], word)


@dataclass(frozen=True, slots=True)
class Identity:
    """The part of a program that a restart keeps, from what is stored of a process.

    place: its container, or the pod that starts it anew, else its service; exe: its executable;
    script: what its interpreter runs. What is not known is empty.
    """

    place: str
    name: str
    exe: str
    script: str
    folder: str

    @classmethod
    def of(
        cls, name: str, exe: str, cmdline: str, unit: str, container: str, folder: str
    ) -> "Identity":
        """Return the identity of a stored process."""
        found = _run(name, exe, cmdline)
        pod = _POD.search(container)
        service = "" if _TRANSIENT.fullmatch(unit) else unit
        return cls(
            pod[1] if pod else container or service,
            name,
            exe.removesuffix(DELETED),
            found.script if found else "",
            folder.removesuffix(DELETED),
        )

    def is_same(self, other: "Identity") -> bool:
        """Tell whether both are one program; what could not be read of one is no difference."""
        by_exe = self.exe and other.exe
        by_script = self.script and other.script
        return (
            self.place == other.place
            and (self.exe == other.exe or not by_exe)
            and (self.folder == other.folder or not (self.folder and other.folder))
            # The name tells the commands of one executable apart, and programs with titles.
            and (self.script == other.script if by_script else self.called == other.called)
        )

    @property
    def called(self) -> str:
        """The name without what a title says of a version or state."""
        return self.name.partition(" ")[0].rstrip(":")
