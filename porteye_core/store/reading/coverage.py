"""The times in which somebody watched, and the gaps between and within watches."""

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property

from porteye_core.model import Precision
from porteye_core.store import engine

# Every gap within a watch and every step of its clock; an index has them alone.
_INTERRUPTED = "SELECT at, gap, jump FROM tick WHERE (gap > 0 OR jump != 0) ORDER BY at"
_WATCHES = """
SELECT id, started_at, stopped_at, seen_at, interval, sample_interval, source, why, pid, version
FROM watch ORDER BY started_at, id
"""


@dataclass(frozen=True, slots=True)
class WatchRow:
    """A watch as it is stored; `end` is when it was last known to go on."""

    id: int
    started_at: int
    stopped_at: int | None
    seen_at: int
    interval: int
    sample_interval: int
    source: str
    why: str
    pid: int
    version: str

    @property
    def end(self) -> int:
        """The last moment of the watch that is stored."""
        return self.seen_at if self.stopped_at is None else self.stopped_at


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which nobody watched; None: before the first watch, or until now.

    after: the watch that ended when the gap began; None if it is before the first watch, or within
    a watch that went on.
    """

    start: int | None
    end: int | None
    after: WatchRow | None = field(default=None, compare=False)

    def contains(self, moment: int) -> bool:
        """True of a moment within the gap. The tick at the end of a gap within a watch belongs to
        it: what happened in the gap was found then."""
        if self.start is not None and moment <= self.start:
            return False
        is_within_watch = self.start is not None and self.after is None
        return self.end is None or moment < self.end or (is_within_watch and moment == self.end)


@dataclass(frozen=True, slots=True)
class MomentCoverage:
    """The gap that a moment lies in, if any, and the interval between the scans around it."""

    gap: Gap | None
    interval: int = 0


@dataclass(frozen=True, slots=True)
class Coverage:
    """The gaps of since..until: pairs of times, in order, cut to the range."""

    since: int
    until: int
    gaps: tuple[tuple[int, int], ...]

    @property
    def unwatched(self) -> int:
        """The length of all gaps in microseconds, each moment counted once."""
        total, reached = 0, self.since
        for start, end in self.gaps:
            total += max(0, end - max(start, reached))
            reached = max(reached, end)
        return total


class Watches:
    """All watches of one moment of the database; `watching`: the latest one goes on."""

    def __init__(self, connection: engine.Connection, *, watching: bool) -> None:
        self._connection, self._watching = connection, watching
        self.all = [WatchRow(*row) for row in connection.execute(_WATCHES)]
        self._started = [watch.started_at for watch in self.all]

    @cached_property
    def interrupted(self) -> list[tuple[int, int, int]]:
        """Time, gap and jump of each tick that came late, or at which the clock had been set."""
        return [(at, gap, jump) for at, gap, jump in self._connection.execute(_INTERRUPTED)]

    @cached_property
    def gaps(self) -> list[Gap]:
        """Every gap, in order: before and between the watches, within them, and up to now."""
        found = [*self._between(), *self._within()]
        return sorted(found, key=lambda gap: (gap.start or 0, gap.end is None, gap.end or 0))

    def coverage(self, since: int, until: int) -> Coverage:
        """The gaps of a range."""
        cut = (
            (max(since, gap.start or 0), until if gap.end is None else min(until, gap.end))
            for gap in self.gaps
        )
        return Coverage(since, until, tuple((start, end) for start, end in cut if start < end))

    def at(self, moment: int) -> MomentCoverage:
        """The coverage of a moment."""
        for gap in self.gaps:
            if gap.contains(moment):
                return MomentCoverage(gap)
        place = bisect_right(self._started, moment) - 1
        return MomentCoverage(None, self.all[place].interval if place >= 0 else 0)

    def earliest(self, moment: int | None, seen: str) -> int | None:
        """The last moment before a change was found at which it is known not to have happened;
        None if there was none, or if it was not found at all."""
        if moment is None:
            return None
        place = bisect_right(self._started, moment) - 1
        if seen == Precision.KERNEL or place < 0:
            return moment if seen == Precision.KERNEL else None
        watch = self.all[place]
        if seen == Precision.POLL:
            return moment - watch.interval
        if moment in self._missed:
            return self._missed[moment]
        if moment - watch.started_at > watch.interval:
            # Other namespaces than the monitor's own are scanned at the ticks of samples.
            return moment - watch.sample_interval
        return self.all[place - 1].end if place else None

    @cached_property
    def _missed(self) -> dict[int, int]:
        return {at: at - gap for at, gap, _ in self.interrupted if gap > 0}

    def _between(self) -> list[Gap]:
        going_on = max((watch.id for watch in self.all), default=None) if self._watching else None
        found = list[Gap]()
        covered, last = None, None
        for watch in self.all:
            if covered is None or watch.started_at > covered:
                found.append(Gap(covered, watch.started_at, last))
            if watch.id == going_on:
                return found
            if covered is None or watch.end >= covered:
                covered, last = watch.end, watch
        return [*found, Gap(covered, None, last)]

    def _within(self) -> list[Gap]:
        return [Gap(at - gap, at) for at, gap, _ in self.interrupted if gap > 0]
