"""Schedule of the monitor's scans: their time, depth, and the gap before each."""

from typing import NamedTuple

from porteye_core.model import ScanDepth, WatchPlan

# A scan later than this many intervals plus this time leaves a gap.
_LATE_INTERVALS, _LATE_US = 2, 1_000_000
# Two clocks drift apart by less than this between two scans, also while NTP slews one: chrony by at
# most 83 ms in a second (chrony.conf(5), maxslewrate).
_STEP_US = 500_000


class Turn(NamedTuple):
    """One turn of the loop.

    at, began: its start by the wall clock and by the steady one; gap: microseconds without a scan
    before it, 0 if the intervals were kept.
    """

    at: int
    began: int
    depth: ScanDepth
    gap: int = 0

    @property
    def is_sampling(self) -> bool:
        """True if it is a sampling tick."""
        return self.depth is ScanDepth.CLIENTS


class Schedule:
    """Schedule of one watch; times are microseconds of the steady clock unless named wall."""

    def __init__(self, plan: WatchPlan) -> None:
        self._plan = plan
        self._due = 0  # time of the next scan
        self._looked: int | None = None  # start of the last successful scan
        self._sampled: int | None = None  # start of the last sampling tick
        self._clocks: tuple[int, int] | None = None  # at the last scan: wall, steady

    @property
    def has_scanned(self) -> bool:
        """True after the first successful scan."""
        return self._looked is not None

    def left(self, now: int) -> float:
        """Seconds until the next scan."""
        return max(0, self._due - now) / 1e6

    def hasten(self) -> None:
        """Make the next scan due now, because the events do not explain the sockets."""
        self._due = 0

    def turn(self, at: int, began: int, *, failing: bool) -> Turn:
        """Plan the turn that begins now; failing: the scan before it failed."""
        if began < self._due:
            return Turn(at, began, ScanDepth.NOTICES)
        gap = self._gap(began, failing=failing)
        self._due = self._next_due(began)
        # A tick may come half an interval early, which is better than half an interval late.
        tick = self._plan.sample_interval_us - self._plan.interval_us // 2
        sampling = self._sampled is None or began - self._sampled >= tick or gap
        return Turn(at, began, ScanDepth.CLIENTS if sampling else ScanDepth.SOCKETS, gap)

    def scanned(self, turn: Turn) -> None:
        """Note that the scan of a turn has succeeded."""
        self._looked = turn.began
        self._clocks = turn.at, turn.began
        if turn.is_sampling:
            self._sampled = turn.began

    def step(self, turn: Turn) -> int:
        """Step of the wall clock since the last scan, in microseconds; 0 if none.

        Each scan compares. Over a longer time drift would count as a step, and a step would count
        in each tick that is compared over it.
        """
        if self._clocks is None:
            return 0
        wall, steady = self._clocks
        step = (turn.at - wall) - (turn.began - steady)
        return step if abs(step) >= _STEP_US else 0

    def _next_due(self, began: int) -> int:
        """Time of the scan after this one: an interval after this one was due.

        If this one was hastened or late, it is counted from now.
        """
        if not self._due:
            return began + self._plan.interval_us
        return max(self._due + self._plan.interval_us, began + self._plan.interval_us // 2)

    def _gap(self, began: int, *, failing: bool) -> int:
        if self._looked is None:
            return 0
        since = began - self._looked
        late = since > _LATE_INTERVALS * self._plan.interval_us + _LATE_US
        return since if late or failing else 0
