"""The raw buffers of a trace instance, one for each CPU."""

import os
import re
from contextlib import suppress
from typing import NamedTuple

from porteye_core.sources.tracing.ring_buffer import Decoder, PageLayout, Record
from porteye_core.sources.tracing.tracefs import Instance, refused

# Counters of per_cpu/cpuN/stats that count records which nobody can read any more.
_LOST = re.compile(rb"^(?:overrun|commit overrun|dropped events): (\d+)$", re.MULTILINE)
_STATS_SIZE = 1024
# Pages of one CPU that one read takes, of 53 records each. The rest waits for the next read, so a
# storm of sockets bounds neither memory nor time.
_PAGES = 32
_MAX_SKIPPED = 64  # pieces: twice what a buffer of the largest size holds


class _Cpu(NamedTuple):
    raw: int
    stats: int


class Batch(NamedTuple):
    """Records of every CPU, CPU after CPU; until: a CPU has more of them, later than this time."""

    records: list[Record]
    until: int | None


class CpuBuffers:
    """Reader of an instance's buffers; `lost` and `malformed` count since it was opened."""

    def __init__(self, instance: Instance, layout: PageLayout) -> None:
        self._decoder = Decoder(layout)
        self._page_size = layout.page_size
        self._cpus: list[_Cpu] = []
        self._overrun: dict[int, int] = {}
        self._missed = 0
        self.malformed = 0
        try:
            for path in sorted((instance.path / "per_cpu").iterdir()):
                raw = os.open(path / "trace_pipe_raw", os.O_RDONLY | os.O_NONBLOCK)
                self._cpus.append(_Cpu(raw, -1))
                self._cpus[-1] = _Cpu(raw, os.open(path / "stats", os.O_RDONLY))
        except OSError as err:
            self.close()
            raise refused(err, "The trace buffers cannot be opened") from err

    @property
    def lost(self) -> int:
        """Number of records that the kernel dropped, by its own counters."""
        return max(sum(self._overrun.values()), self._missed)

    def filenos(self) -> tuple[int, ...]:
        """Descriptors for poll, readable while a buffer holds records."""
        return tuple(cpu.raw for cpu in self._cpus)

    def read(self) -> Batch:
        """Read the next records, a piece of each CPU's buffer; raises SourceError."""
        records: list[Record] = []
        left: list[int] = []
        try:
            for cpu in self._cpus:
                before = len(records)
                pages = self._read_cpu(cpu, records)
                if pages:
                    counters = _LOST.findall(os.pread(cpu.stats, _STATS_SIZE, 0))
                    self._overrun[cpu.raw] = sum(map(int, counters))
                if pages == _PAGES and len(records) > before:
                    left.append(records[-1][0])
        except OSError as err:
            raise refused(err, "The trace buffers cannot be read") from err
        return Batch(records, min(left, default=None))

    def skip(self) -> int:
        """Discard the records that wait, of a reader that is too slow; return their number.

        Raises SourceError.
        """
        skipped = 0
        # Bounded, because the kernel goes on writing.
        for _ in range(_MAX_SKIPPED):
            batch = self.read()
            skipped += len(batch.records)
            if batch.until is None:
                break
        return skipped

    def close(self) -> None:
        """Close the files; the instance can be removed only afterwards."""
        for cpu in self._cpus:
            for descriptor in cpu:
                with suppress(OSError):
                    os.close(descriptor)
        self._cpus.clear()

    def _read_cpu(self, cpu: _Cpu, records: list[Record]) -> int:
        """Append the records of up to `_PAGES` pages; return the number of pages."""
        for turn in range(_PAGES):
            try:
                page = os.read(cpu.raw, self._page_size)
            except BlockingIOError:
                return turn
            if not page:
                return turn
            decoded = self._decoder.decode(page)
            records += decoded.records
            self._missed += decoded.missed
            self.malformed += decoded.malformed
        return _PAGES
