"""Ways of looking at the system's sockets, and the choice of the best that works here."""

from typing import Protocol

from porteye_core.errors import ConfigError
from porteye_core.model import Limit, Socket
from porteye_core.sources.portable import Portable

__all__ = ["Source", "pick"]


class Source(Protocol):
    """One way of looking."""

    name: str

    def read(self, *, count_clients: bool) -> tuple[Socket, ...]:
        """Every listening socket that this user may see, complete and in a stable order.

        Returns the very tuple of the look before when nothing has changed since. With
        `count_clients` the look is a full one. Raises SourceError when the system could not be
        read, which is not the same as nothing listening.
        """
        ...

    def limits(self) -> tuple[Limit, ...]:
        """What this way of looking cannot see, however privileged."""
        ...


def pick(name: str) -> Source:
    """The source of this name; "auto" takes the best one. Raises ConfigError."""
    if name in ("auto", Portable.name):
        return Portable()
    raise ConfigError(
        f"--source {name} is not built yet.", "Use --source portable, or leave it out."
    )
