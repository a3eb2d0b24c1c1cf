"""How much one step of a long work takes on, so that it never holds its writer for long."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

# A look may have to wait for a step, 50 ms at most. A fifth of that, for the next step's rows are
# not those that were measured: of 2,000 steps the longest took four times as long as most.
_WANTED = 0.010


def spend(pieces: Iterable[object]) -> None:
    """Do a work that is done piece by piece until all is done or a step's time is over."""
    end = time.perf_counter() + _WANTED
    for _ in pieces:
        if time.perf_counter() >= end:
            return


class Pace:
    """Adapts the number of rows to the time that the latest ones took."""

    def __init__(self, first: int, least: int, most: int) -> None:
        """`least`: a disk that takes long to sync takes no longer for so many."""
        self.size = first
        self._least, self._most = least, most

    @contextmanager
    def measured(self) -> Iterator[None]:
        """The block is a step of `size` rows."""
        began = time.perf_counter()
        yield
        took = max(time.perf_counter() - began, 1e-6)
        factor = min(2.0, _WANTED / took)
        self.size = max(self._least, min(self._most, int(self.size * factor)))
