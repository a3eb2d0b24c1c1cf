"""Times of alerts, quiet windows and receivers as the engine needs them; pure.

The file alerts.toml fills them; `hold` and `missing` are of the file of expected ports. Lengths are
in microseconds.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from porteye_core.store.alerts import Receiver

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MONDAY, SUNDAY = 0, 6
EVERY_DAY = frozenset(range(MONDAY, SUNDAY + 1))


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
class Quiet:
    """A window of local time that comes again: on the days, by `weekday`, on which it begins.

    begin, end: minutes of the day; an end before the begin is that of the next day.
    """

    begin: int
    end: int
    days: frozenset[int] = EVERY_DAY

    def contains(self, moment: datetime) -> bool:
        """Tell that a local time is within the window; it ends just before its end.

        >>> Quiet(23 * 60, 60, frozenset({SUNDAY})).contains(datetime(2026, 11, 30, 0, 59))
        True
        """
        minute = moment.hour * 60 + moment.minute
        yesterday = (moment - timedelta(days=1)).weekday()
        if self.begin < self.end:
            return moment.weekday() in self.days and self.begin <= minute < self.end
        return (moment.weekday() in self.days and minute >= self.begin) or (
            yesterday in self.days and minute < self.end
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules by which findings become messages; url: address of the page, empty for none."""

    timers: Timers = Timers()
    quiet: tuple[Quiet, ...] = ()
    receivers: tuple[Receiver, ...] = ()
    url: str = ""
