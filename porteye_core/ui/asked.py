"""What a person means who types into the quick answers."""

import re
from dataclasses import dataclass

from porteye_core.filters import HIGHEST_PORT, MAX_PROCESS

_PORT = re.compile(r"(?:port\s*)?(?:\S*:)?(\d{1,5})(?:/(?:tcp|udp))?", re.IGNORECASE)
_PID = re.compile(r"(?:pid\s*)?(\d{1,10})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """The readings of a text: a bare number is a port and a pid."""

    port: int | None = None
    pid: int | None = None
    name: str = ""


def asked(text: str) -> Asked:
    """What the text may mean; nothing at all if it is empty.

    >>> asked("localhost:3000").port
    3000
    """
    said = text.replace("\0", "").strip()[:MAX_PROCESS]
    port, pid = _PORT.fullmatch(said), _PID.fullmatch(said)
    number = int(port[1]) if port and int(port[1]) <= HIGHEST_PORT else None
    if said.lower().startswith("pid") and pid:
        return Asked(pid=int(pid[1]))
    bare = pid is not None and pid[1] == said
    if number is None and not bare:
        return Asked(name=said)
    return Asked(port=number, pid=int(said) if bare else None)
