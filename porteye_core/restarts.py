"""State of the dashboard's attempts to restart an ended monitor."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Restart:
    """Next attempt.

    ended: a sentence about the end of the last monitor. tries: number of attempts before.
    at: time of the attempt, microseconds since the epoch.
    """

    ended: str
    tries: int
    at: int


@dataclass(slots=True)
class Restarts:
    """Attempts as page and API show them; one task writes them, all sessions read them.

    pending: the next attempt; None while a monitor runs, or if the dashboard starts none.
    count: number of monitors that replaced another. is_asked: somebody has asked for the next
    attempt at once.
    """

    pending: Restart | None = None
    count: int = 0
    is_asked: bool = False

    def ask(self) -> None:
        """Ask for the next attempt at once."""
        self.is_asked = True
