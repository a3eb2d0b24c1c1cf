"""Limits of time: a slice of the work on a scan in each turn, and a grace period after a stop."""

from collections.abc import Callable, Generator, Sequence
from typing import Protocol

from porteye_core.system.clock import Clock

# Seconds of work on one scan, after which the kernel's events are read before it goes on.
_SLICE = 0.5
# Seconds for which what was announced before a stop is still stored, a turn's changes included.
_GRACE = 0.5


class Wait(Protocol):
    """Waits until the monitor has to stop, a descriptor is readable, or the time is over."""

    def __call__(self, seconds: float, filenos: Sequence[int]) -> bool:
        """Wait; return True if the monitor has to stop."""
        ...


class Slices:
    """Steps of the work on a scan, done for one slice of time in each turn."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._steps: Generator[None, None, None] | None = None

    def __bool__(self) -> bool:
        return self._steps is not None

    def begin(self, steps: Generator[None, None, None]) -> None:
        """Take the steps of another scan."""
        self._steps = steps

    def go_on(self) -> None:
        """Do steps until the slice is over, or none is left."""
        until = self._clock.elapsed() + _SLICE * 1e6
        while self._steps:
            if next(self._steps, self) is self:
                self._steps = None
            elif self._clock.elapsed() > until:
                return

    def give_up(self) -> None:
        """Leave the rest of the scan to the next one."""
        if self._steps:
            self._steps.close()
        self._steps = None


class GracePeriod:
    """Period after a stop in which changes are still stored."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._end: float | None = None  # elapsed
        self.alive: Callable[[], None] = lambda: None
        self.stopping: Callable[[], bool] = lambda: False

    @property
    def end(self) -> float:
        """End of the period, elapsed; the first call starts it."""
        if self._end is None:
            self._end = self._clock.elapsed() + _GRACE * 1e6
        return self._end

    def is_over(self) -> bool:
        """Tell between two pieces of a turn that the period is over; report the loop as alive."""
        self.alive()
        is_stopping = self._end is not None or self.stopping()
        return is_stopping and self._clock.elapsed() > self.end
