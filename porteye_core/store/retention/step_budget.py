"""Size of one step of a long job, so that a step delays the writer only briefly."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

# Time of a step in seconds. A scan may wait at most 50 ms for a step. The goal is a fifth of that,
# because other rows take other times: of 2,000 steps the longest took four times the usual time.
USUAL = 0.010
# Time of a step under pressure: most of a step of 10 ms is the wait for the disk.
HURRIED = 0.100


def spend(pieces: Iterable[object]) -> None:
    """Do pieces of a job until all are done or the usual time of a step is over."""
    end = time.perf_counter() + USUAL
    for _ in pieces:
        if time.perf_counter() >= end:
            return


class StepBudget:
    """Number of rows of the next step, adapted to the time of the latest step."""

    def __init__(self, first: int, minimum: int, maximum: int, goal: float = USUAL) -> None:
        """`minimum`: a slow disk syncs so many rows as fast as one. `goal`: seconds of a step."""
        self.size = first
        self.goal = goal
        self._minimum, self._maximum = minimum, maximum

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure the block, which is one step of `size` rows."""
        began = time.perf_counter()
        yield
        took = max(time.perf_counter() - began, 1e-6)
        factor = min(2.0, self.goal / took)
        self.size = max(self._minimum, min(self._maximum, int(self.size * factor)))
