"""Footprint of the monitor: its processor time, memory and database size."""

import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

# mallopt(3): blocks of so many bytes and more are mapped, and returned when they are freed. Unless
# it is set the C library raises it to the largest block freed so far, up to 32 MiB: then what one
# large scan took stays, in pieces, for months.
_M_MMAP_THRESHOLD, _MAPPED_FROM = -3, 128 * 1024


def return_freed_memory() -> None:
    """Have the C library give large blocks back to the system, where it is glibc."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes  # noqa: PLC0415 - only where it is used

    with suppress(AttributeError):  # musl does so anyway
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _MAPPED_FROM)


class Footprint(NamedTuple):
    """Resources that this process uses; None where they cannot be read.

    cpu: hundredths of a percent of one core since the last measurement.
    rss: bytes. size: bytes of the database with its WAL.
    """

    cpu: int | None = None
    rss: int | None = None
    size: int | None = None


class FootprintMeter:
    """Meter of this process; one measurement takes about 50 µs."""

    def __init__(self, db: Path) -> None:
        self._files = db, db.with_name(f"{db.name}-wal")
        self._process = psutil.Process()
        self._last = time.monotonic_ns(), time.process_time_ns()

    def measure(self) -> Footprint:
        """Measure the footprint; `cpu` counts from the last call, at first from the start."""
        now = time.monotonic_ns(), time.process_time_ns()
        elapsed, spent = (new - old for new, old in zip(now, self._last, strict=True))
        self._last = now
        cpu = round(10_000 * spent / elapsed) if elapsed > 0 else None
        return Footprint(cpu, self._rss(), self._size())

    def _rss(self) -> int | None:
        try:
            return int(self._process.memory_info().rss)
        except (psutil.Error, OSError):  # OSError: no descriptor is free
            return None

    def _size(self) -> int | None:
        database, wal = self._files
        try:
            size = database.stat().st_size
        except OSError:
            return None
        try:
            return size + wal.stat().st_size
        except OSError:  # no WAL: everything is in the database file
            return size
