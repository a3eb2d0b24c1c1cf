"""Titles of programs, and the identity that two processes of one program share."""

import re
from dataclasses import dataclass
from functools import lru_cache

from porteye_core import interpreters
from porteye_core.interpreters import DELETED, Run

__all__ = ["DELETED", "Identity", "lasting_name", "lasting_number", "lasting_unit", "title"]

_MAX_TITLE = 120  # characters; a program may set its whole command line as title
# A word of a stored command line: quoted by shlex.join, its end possibly cut off.
_WORD = re.compile(r"(?:[^\s'\"]|'[^']*(?:'|$)|\"[^\"]*(?:\"|$))+")
_QUOTED = re.compile(r"'([^']*)(?:'|$)|\"([^\"]*)(?:\"|$)")
_POD = re.compile(r" pod:(\S+)")
# Units whose name changes with each start (scopes, units of systemd-run, a desktop's services), and
# the unit of a user's systemd, which contains everything of that user.
_TRANSIENT = re.compile(r".*\.scope|run-.*\.service|app-.*@[0-9a-f]{32}\.service|user@\d+\.service")
# A pid, a port or a time in a name; versions are shorter.
_NUMBER = re.compile(r"\d{4,}")


def title(name: str, exe: str, cmdline: str) -> str:
    """Title of a stored program: the script of an interpreter, else the program's name.

    A process that has renamed itself keeps that name.

    >>> title("node", "/usr/bin/node", "node server.js")
    'server.js (node)'
    """
    found = _run(name, exe, cmdline)
    shown = found.title if found else name
    return shown if len(shown) <= _MAX_TITLE else shown[: _MAX_TITLE - 1] + "…"


@lru_cache(maxsize=4096)
def lasting_name(name: str, exe: str, cmdline: str) -> str:
    """Title of a stored program without what differs after a restart: of a title that the process
    set itself the first word, and for each number of four digits and more a `#`.

    >>> lasting_name("worker-48213", "/srv/worker", "worker --id 48213")
    'worker-#'
    """
    found = _run(name, exe, cmdline)
    shown = title(name, exe, cmdline)
    if not (found and found.script and found.title != name):
        shown = _called(shown)
    return lasting_number(shown)


def lasting_number(name: str) -> str:
    """A name with a `#` for each number of four digits and more."""
    return _NUMBER.sub("#", name)


def lasting_unit(unit: str) -> str:
    """A unit that has the same name at its next start; empty for another.

    >>> lasting_unit("nginx.service"), lasting_unit("session-4.scope")
    ('nginx.service', '')
    """
    return "" if _TRANSIENT.fullmatch(unit) else unit


def _called(name: str) -> str:
    """Name without the version or state that a title appends."""
    return name.partition(" ")[0].rstrip(":")


@lru_cache(maxsize=2048)  # a page or an export has many rows of few programs
def _run(name: str, exe: str, cmdline: str) -> Run | None:
    words = [_unquoted(word) for word in _WORD.findall(cmdline)]
    return interpreters.run(name, exe, words)


def _unquoted(word: str) -> str:
    return _QUOTED.sub(lambda piece: piece[1] if piece[1] is not None else piece[2], word)


@dataclass(frozen=True, slots=True)
class Identity:
    """Attributes of a stored process that survive a restart of its program.

    place: its container, or the pod that restarts it, else its service.
    exe: its executable. script: the script that its interpreter runs. Unknown values are empty.
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
        """Build the identity of a stored process."""
        found = _run(name, exe, cmdline)
        pod = _POD.search(container)
        return cls(
            pod[1] if pod else container or lasting_unit(unit),
            name,
            exe.removesuffix(DELETED),
            found.script if found else "",
            folder.removesuffix(DELETED),
        )

    def is_same(self, other: "Identity") -> bool:
        """Tell that both are one program; a value that is unknown for one is no difference."""
        by_exe = self.exe and other.exe
        by_script = self.script and other.script
        return (
            self.place == other.place
            and (self.exe == other.exe or not by_exe)
            and (self.folder == other.folder or not (self.folder and other.folder))
            # The name distinguishes commands of one executable, and programs that set a title.
            and (self.script == other.script if by_script else self.called == other.called)
        )

    @property
    def called(self) -> str:
        """Name without the version or state that a title appends."""
        return _called(self.name)
