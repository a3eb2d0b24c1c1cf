"""CPU and memory of processes, measured between two beats without ever waiting."""

from collections.abc import Callable, Iterable
from time import monotonic, time
from typing import NamedTuple

import psutil

from porteye_core.model import ProcessKey


class Usage(NamedTuple):
    """cpu: hundredths of a percent of one core; rss: bytes. None where it cannot be read."""

    cpu: int | None
    rss: int | None


UNKNOWN = Usage(None, None)


class _Reading(NamedTuple):
    process: psutil.Process
    at: float
    cpu_seconds: float


class UsageMeter:
    """Measures processes, and remembers each one's CPU time from the beat before."""

    def __init__(
        self, clock: Callable[[], float] = monotonic, wall: Callable[[], float] = time
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._last: dict[ProcessKey, _Reading] = {}

    def measure(self, keys: Iterable[ProcessKey]) -> dict[ProcessKey, Usage]:
        """What each process used since it was measured last, or since its start the first time."""
        return {key: self._measured(key) for key in set(keys)}

    def forget(self, living: Iterable[ProcessKey]) -> None:
        """Drop what is remembered of every process but these."""
        kept = set(living)
        self._last = {key: last for key, last in self._last.items() if key in kept}

    def _measured(self, key: ProcessKey) -> Usage:
        last = self._last.get(key)
        try:
            process = last.process if last else psutil.Process(key.pid)
            with process.oneshot():
                if round(process.create_time() * 1_000_000) != key.started_at:
                    return UNKNOWN
                times = process.cpu_times()
                rss = process.memory_info().rss
                if process.status() == psutil.STATUS_ZOMBIE:  # its memory reads as 0, not unknown
                    return UNKNOWN
        except (psutil.Error, OSError):
            return UNKNOWN
        now, spent = self._clock(), times.user + times.system
        self._last[key] = _Reading(process, now, spent)
        if last:
            return Usage(_share(spent - last.cpu_seconds, now - last.at), rss)
        return Usage(_share(spent, self._wall() - key.started_at / 1_000_000), rss)


def _share(spent: float, elapsed: float) -> int | None:
    return max(0, round(10_000 * spent / elapsed)) if elapsed > 0 else None
