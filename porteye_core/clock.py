"""The time of day and time elapsed, as the monitor's loop takes them."""

import time
from typing import Protocol


class Clock(Protocol):
    """Both in microseconds."""

    def now(self) -> int:
        """The wall clock, since the epoch; it may be set."""
        ...

    def elapsed(self) -> int:
        """A clock that never steps, and that goes on while the machine sleeps where the system
        has such a one."""
        ...


class SystemClock:
    """The machine's clocks."""

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
