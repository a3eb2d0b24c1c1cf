"""The times in which somebody watched."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from porteye_core.store.frames.columns import times


@dataclass(frozen=True, slots=True)
class Coverage:
    """The gaps of since..until, in which nobody watched: pairs of times, in order."""

    since: int
    until: int
    gaps: tuple[tuple[int, int], ...]

    @property
    def frame(self) -> pd.DataFrame:
        """The gaps with the columns `start` and `end`."""
        frame = pd.DataFrame(self.gaps, columns=["start", "end"], dtype="int64")
        return frame.assign(start=times(frame["start"]), end=times(frame["end"]))

    @property
    def unwatched(self) -> int:
        """The length of all gaps in microseconds, each moment counted once."""
        return sum(end - start for start, end in self._apart())

    def _apart(self) -> Iterator[tuple[int, int]]:
        reached = self.since
        for start, end in sorted(self.gaps):
            first, last = max(start, reached), min(end, self.until)
            if first < last:
                yield first, last
                reached = last
