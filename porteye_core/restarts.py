"""A dashboard's tries to replace a monitor that has ended."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Restart:
    """The next try, at a time in microseconds since the epoch; `tries` counts those before it.

    ended: what became of the monitor before, as a sentence.
    """

    ended: str
    tries: int
    at: int


@dataclass(slots=True)
class Restarts:
    """The tries as page and API show them; one task writes them, every session reads them.

    pending: the next try; None while a monitor runs, and if the dashboard starts none.
    count: monitors that were started in place of another.
    """

    pending: Restart | None = None
    count: int = 0
