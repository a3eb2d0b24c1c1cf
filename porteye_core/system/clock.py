"""Clocks of the monitor's loop, and times as text."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Time of day and elapsed time, in microseconds."""

    def now(self) -> int:
        """Read the wall clock, since the epoch; it may step."""
        ...

    def elapsed(self) -> int:
        """Read a clock that never steps; it includes suspend where the system offers that."""
        ...


# Microseconds that may pass between two readings of one moment.
_TOGETHER = 100_000


def moment(clock: Clock) -> tuple[int, int]:
    """Return the wall time and the elapsed time of one moment.

    A process that is stopped between its two readings would take the pause for a step of the clock.
    """
    before = clock.elapsed()
    while True:
        wall, elapsed = clock.now(), clock.elapsed()
        if elapsed - before < _TOGETHER:
            return wall, elapsed
        before = elapsed


class SystemClock:
    """Clocks of the machine."""

    # CLOCK_BOOTTIME counts suspend, which CLOCK_MONOTONIC does not (Linux, time_namespaces(7)).
    _ELAPSED = getattr(time, "CLOCK_BOOTTIME", None)

    def now(self) -> int:
        """See Clock.now."""
        return time.time_ns() // 1000

    def elapsed(self) -> int:
        """See Clock.elapsed."""
        if self._ELAPSED is not None:
            return time.clock_gettime_ns(self._ELAPSED) // 1000
        return time.monotonic_ns() // 1000


def timestamp(at: int) -> str:
    """ISO 8601 in UTC with microseconds and offset.

    >>> timestamp(1_000_000)
    '1970-01-01T00:00:01.000000+00:00'
    """
    seconds, micros = divmod(at, 1_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)
    return moment.isoformat(timespec="microseconds")


def short_length(micros: int) -> str:
    """A length in whole hours, minutes, seconds or milliseconds.

    >>> short_length(1_700_000), short_length(400)
    ('2 s', '1 ms')
    """
    for unit, size in (("h", 3600), ("min", 60), ("s", 1)):
        if micros >= size * 1_000_000:
            return f"{round(micros / size / 1e6):,} {unit}"
    return f"{max(1, round(micros / 1000))} ms"
