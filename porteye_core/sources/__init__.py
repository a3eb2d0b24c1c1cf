"""Ways of looking at the system's sockets, and the choice of the best that works here."""

import sys
from typing import NamedTuple, Protocol

from porteye_core.errors import ConfigError, SourceError
from porteye_core.model import Depth, Limit, Reading
from porteye_core.sources.portable import Portable

__all__ = ["Picked", "Source", "pick"]


class Source(Protocol):
    """One way of looking."""

    name: str
    interval: float
    """Seconds between two looks at all sockets, if the user does not say otherwise."""

    def read(self, depth: Depth) -> Reading:
        """What was announced since the look before, and as much as `depth` asks of what is there.

        The sockets are every listening one that this user may see, complete and in a stable order,
        and the very tuple of the look before when nothing has changed since, unless clients are
        counted. Raises SourceError when the system could not be read, which is not the same as
        nothing listening.
        """
        ...

    def limits(self) -> tuple[Limit, ...]:
        """What this way of looking cannot see, however privileged."""
        ...

    def filenos(self) -> tuple[int, ...]:
        """Descriptors of which one is readable once the kernel has announced something."""
        ...

    def close(self) -> None:
        """Leave the system as it was."""
        ...


class Picked(NamedTuple):
    """A source that works here, and why it is this one."""

    source: Source
    why: str


def pick(name: str, *, privileged: bool) -> Picked:
    """The source of this name; "auto" takes the best that works.

    Raises SourceError if the named one cannot be used, ConfigError if there is none on this system.
    """
    if name == Portable.name:
        return Picked(Portable(), "It was asked for.")
    if not sys.platform.startswith("linux"):
        if name == "auto":
            return Picked(Portable(), "The others need Linux.")
        raise ConfigError(
            f"--source {name} needs Linux.", "Use --source portable, or leave it out."
        )
    return _linux(name, privileged=privileged)


def _linux(name: str, *, privileged: bool) -> Picked:
    from porteye_core.sources import linux  # noqa: PLC0415 - it needs Linux's modules

    refusal = ""
    for each in ("tracepoint", "sock_diag"):
        if name not in ("auto", each):
            continue
        try:
            source = linux.open_source(traced=each == "tracepoint", privileged=privileged)
        except SourceError as err:
            if name == each:
                raise
            refusal += f"{each}: {err} "
        else:
            best = "It is the exactest that works here." if name == "auto" else "It was asked for."
            return Picked(source, refusal + best)
    return Picked(Portable(), refusal + "It works everywhere.")
