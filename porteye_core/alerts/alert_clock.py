"""The clock of alerts: it never goes back, and no step of the wall clock moves it; pure.

While the machine runs it goes with a clock that never steps. Over a reboot only the wall clock says
how long the machine was off, and it is believed within bounds.
"""

from dataclasses import dataclass

from porteye_core.alerts.timers import DAY

LONGEST_OFF = 7 * DAY


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment by the clocks of the machine. wall: since the epoch; elapsed: since the boot of this
    id, which is empty where the system has none."""

    wall: int
    elapsed: int
    boot: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """The alert clock at a moment."""

    clock: int
    moment: Moment

    def at(self, moment: Moment) -> int:
        """The alert clock at a later moment."""
        before = self.moment
        if moment.boot and moment.boot == before.boot:
            return self.clock + max(0, moment.elapsed - before.elapsed)
        return self.clock + min(max(0, moment.wall - before.wall), LONGEST_OFF)

    def of_wall(self, wall: int, now: Moment, earliest: int) -> int:
        """The alert clock at an earlier wall time, not before `earliest` and not after now: a step
        of the wall clock meanwhile moves it no further."""
        clock = self.at(now)
        return max(earliest, min(clock, clock - (now.wall - wall)))
