"""Sources of the system's sockets, and the choice of the best that works here."""

import sys
from typing import NamedTuple, Protocol

from porteye_core.errors import ConfigError, SourceError
from porteye_core.model import Limitation, ScanDepth, Snapshot
from porteye_core.sources.portable import Portable

__all__ = ["Picked", "Source", "pick"]


class Source(Protocol):
    """One way to read the system's sockets."""

    name: str
    interval: float
    """Default of seconds between two scans of all sockets."""

    def read(self, depth: ScanDepth) -> Snapshot:
        """Read the events since the last read, and the sockets as far as `depth` says.

        The sockets are all listening ones that this user may see, in a stable order. If nothing
        has changed and no clients are counted, they are the same tuple object as before. Raises
        SourceError if the system cannot be read, which differs from nothing listening.
        """
        ...

    def limitations(self) -> tuple[Limitation, ...]:
        """Limitations of this source with the rights that it has."""
        ...

    def filenos(self) -> tuple[int, ...]:
        """Descriptors for poll, readable once the kernel has announced an event."""
        ...

    def close(self) -> None:
        """Release everything that this source uses in the kernel."""
        ...


class Picked(NamedTuple):
    """Source that works here, with the reason for its choice."""

    source: Source
    why: str


def pick(name: str, *, enters_namespaces: bool) -> Picked:
    """Open the source of this name; "auto" takes the best that works.

    enters_namespaces: this process has the rights to scan other network namespaces.
    Raises SourceError if the named one cannot be used, ConfigError if this system has none.
    """
    if name == Portable.name:
        return Picked(Portable(), "It was asked for.")
    if not sys.platform.startswith("linux"):
        if name == "auto":
            return Picked(Portable(), "The others need Linux.")
        raise ConfigError(
            f"--source {name} needs Linux.", "Use --source portable, or leave it out."
        )
    return _linux(name, enters_namespaces=enters_namespaces)


def _linux(name: str, *, enters_namespaces: bool) -> Picked:
    from porteye_core.sources import linux  # noqa: PLC0415 - it needs Linux's modules

    refusal = ""
    for each in ("tracepoint", "sock_diag"):
        if name not in ("auto", each):
            continue
        try:
            source = linux.open_source(
                traced=each == "tracepoint", enters_namespaces=enters_namespaces
            )
        except SourceError as err:
            if name == each:
                raise
            refusal += f"{each}: {err} "
        else:
            best = (
                "It is the most precise source available here."
                if name == "auto"
                else "It was asked for."
            )
            return Picked(source, refusal + best)
    return Picked(Portable(), refusal + "It works everywhere.")
