"""When the monitor looks, how deep, and for how long nobody looked before."""

from typing import NamedTuple

from porteye_core.model import Depth, WatchPlan

# A look that comes later than this many intervals and a second is not "within one interval".
_LATE_INTERVALS, _LATE_US = 2, 1_000_000
# The wall clock and the steady one drift apart by less than this between two beats.
_JUMP_US = 500_000


class Turn(NamedTuple):
    """One look: its depth, and the microseconds before it in which nobody looked, 0 if the
    intervals were kept."""

    depth: Depth
    gap: int


class Schedule:
    """The looks of one watch. Times are microseconds of the steady clock unless they say wall."""

    def __init__(self, plan: WatchPlan) -> None:
        self._plan = plan
        self._due = 0  # when the next look at all sockets is
        self._looked: int | None = None  # when the last one that succeeded began
        self._sampled: tuple[int, int] | None = None  # when the last full one was: wall, steady

    @property
    def has_looked(self) -> bool:
        """Whether a look at all sockets has succeeded yet."""
        return self._looked is not None

    def left(self, now: int) -> float:
        """Seconds until the next look at all sockets."""
        return max(0, self._due - now) / 1e6

    def hasten(self) -> None:
        """Look at all sockets at once: what was heard does not explain what there is."""
        self._due = 0

    def turn(self, began: int, *, failing: bool) -> Turn:
        """What the look that begins now is to do; failing: the one before it failed."""
        if began < self._due:
            return Turn(Depth.NOTICES, 0)
        gap = self._gap(began, failing=failing)
        self._due = self._next_due(began)
        # Half an interval early is nearer to the beat than half an interval late.
        beat = self._plan.sample_interval_us - self._plan.interval_us // 2
        sampling = self._sampled is None or began - self._sampled[1] >= beat or gap
        return Turn(Depth.CLIENTS if sampling else Depth.SOCKETS, gap)

    def looked(self, at: int, began: int, *, sampling: bool) -> None:
        """A look that began at this time, `at` by the wall, has succeeded."""
        self._looked = began
        if sampling:
            self._sampled = at, began

    def jump(self, at: int, began: int) -> int:
        """By how much the wall clock was set since the last full look, 0 if it was not."""
        if self._sampled is None:
            return 0
        jump = (at - self._sampled[0]) - (began - self._sampled[1])
        return jump if abs(jump) >= _JUMP_US else 0

    def _next_due(self, began: int) -> int:
        """An interval after this look was due, unless that is past or it was wanted out of turn."""
        if not self._due:
            return began + self._plan.interval_us
        return max(self._due + self._plan.interval_us, began + self._plan.interval_us // 2)

    def _gap(self, began: int, *, failing: bool) -> int:
        if self._looked is None:
            return 0
        since = began - self._looked
        late = since > _LATE_INTERVALS * self._plan.interval_us + _LATE_US
        return since if late or failing else 0
