"""Times of alerts and receivers as the engine needs them; pure.

The file alerts.toml fills them; `hold` and `missing` are of the file of expected ports. Lengths are
in microseconds.
"""

from dataclasses import dataclass

from porteye_core.store.alerts import Quiet, Receiver

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@dataclass(frozen=True, slots=True)
class Flapping:
    """So many openings of one identity in a time are too many to tell each."""

    openings: int
    within: int


@dataclass(frozen=True, slots=True)
class Timers:
    """Lengths of waits. group: from the first finding of a burst to its message; every: from one
    message to the next; again: the absence after which an identity has ended, and is told anew;
    digest: minute of the day in local time, None for no digest; boot: from the start of the machine
    until something is missing; unwatched: without a monitor until it is told; wider: the hold of
    what has become reachable from further away.
    """

    group: int = 30 * SECOND
    every: int = 5 * MINUTE
    again: int = HOUR
    digest: int | None = 8 * 60
    boot: int = 5 * MINUTE
    unwatched: int = 2 * MINUTE
    wider: int = 5 * SECOND
    flapping: tuple[Flapping, ...] = (Flapping(3, 10 * MINUTE), Flapping(5, DAY))


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules by which findings become messages; url: address of the page, empty for none."""

    timers: Timers = Timers()
    quiet: tuple[Quiet, ...] = ()
    receivers: tuple[Receiver, ...] = ()
    url: str = ""
