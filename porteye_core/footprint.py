"""What watching itself costs: the monitor's own processor time, memory and database."""

import time
from pathlib import Path
from typing import NamedTuple

import psutil


class Footprint(NamedTuple):
    """What this process used and wrote; None where it cannot be read.

    cpu: hundredths of a percent of one core since the measurement before; rss: bytes; size: bytes
    of the database with its write-ahead log.
    """

    cpu: int | None = None
    rss: int | None = None
    size: int | None = None


class FootprintMeter:
    """Measures this process from one beat to the next, in some 50 µs."""

    def __init__(self, db: Path) -> None:
        self._files = db, db.with_name(f"{db.name}-wal")
        self._process = psutil.Process()
        self._last = time.monotonic_ns(), time.process_time_ns()

    def measure(self) -> Footprint:
        """The footprint now; `cpu` counts from the call before, the first from the start."""
        now = time.monotonic_ns(), time.process_time_ns()
        elapsed, spent = (new - old for new, old in zip(now, self._last, strict=True))
        self._last = now
        cpu = round(10_000 * spent / elapsed) if elapsed > 0 else None
        return Footprint(cpu, self._rss(), self._size())

    def _rss(self) -> int | None:
        try:
            return int(self._process.memory_info().rss)
        except (psutil.Error, OSError):  # no descriptor was left, which is no error of psutil's
            return None

    def _size(self) -> int | None:
        database, log = self._files
        try:
            size = database.stat().st_size
        except OSError:
            return None
        try:
            return size + log.stat().st_size
        except OSError:  # everything is in the database itself
            return size
