"""CPU and memory of processes, measured from one sampling tick to the next."""

from collections.abc import Callable, Iterable
from time import monotonic, time
from typing import NamedTuple

from porteye_core.model import ProcessKey
from porteye_core.owners.processes import Processes


class Usage(NamedTuple):
    """Use of a process; None where it cannot be read.

    cpu: hundredths of a percent of one core. rss: bytes.
    """

    cpu: int | None
    rss: int | None


UNKNOWN = Usage(None, None)


class UsageMeter:
    """Meter that remembers each process's CPU time from the last measurement."""

    def __init__(
        self,
        reader: Processes,
        clock: Callable[[], float] = monotonic,
        wall: Callable[[], float] = time,
    ) -> None:
        self._reader = reader
        self._clock = clock
        self._wall = wall
        self._last: dict[ProcessKey, tuple[float, float]] = {}

    def measure(self, keys: Iterable[ProcessKey]) -> dict[ProcessKey, Usage]:
        """Measure each process since its last measurement, at first since its start."""
        return {key: self._measured(key) for key in set(keys)}

    def forget(self, living: Iterable[ProcessKey]) -> None:
        """Forget all processes but these."""
        kept = set(living)
        self._last = {key: last for key, last in self._last.items() if key in kept}

    def _measured(self, key: ProcessKey) -> Usage:
        spent = self._reader.spent(key)
        if spent is None:
            return UNKNOWN
        now = self._clock()
        last = self._last.get(key)
        self._last[key] = now, spent.cpu
        if last:
            return Usage(_share(spent.cpu - last[1], now - last[0]), spent.rss)
        return Usage(_share(spent.cpu, self._wall() - key.started_at / 1_000_000), spent.rss)


def _share(spent: float, elapsed: float) -> int | None:
    return max(0, round(10_000 * spent / elapsed)) if elapsed > 0 else None
