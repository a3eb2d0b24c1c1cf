"""The raw buffers of a trace instance, one for each CPU."""

import os
import re
from contextlib import suppress
from typing import NamedTuple

from porteye_core.sources.trace.ring_buffer import Decoder, PageLayout, Record
from porteye_core.sources.trace.tracefs import Instance, refused

# Every counter of per_cpu/cpuN/stats that stands for records that nobody will read.
_LOST = re.compile(rb"^(?:overrun|commit overrun|dropped events): (\d+)$", re.MULTILINE)
_STATS_SIZE = 1024


class _Cpu(NamedTuple):
    raw: int
    stats: int


class CpuBuffers:
    """Reads what an instance has recorded; `lost` and `malformed` count since the opening."""

    def __init__(self, instance: Instance, layout: PageLayout) -> None:
        self._decoder = Decoder(layout)
        self._page_size = layout.page_size
        # As much as a buffer holds: a reader that is slower than the writer comes to an end.
        size = int(instance.read("buffer_size_kb").split()[0]) * 1024
        self._pages = 2 + size // layout.page_size
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
        """Records that the kernel had to drop, by its own counters."""
        return max(sum(self._overrun.values()), self._missed)

    def filenos(self) -> tuple[int, ...]:
        """Descriptors for poll: readable where a buffer holds anything."""
        return tuple(cpu.raw for cpu in self._cpus)

    def read(self) -> list[Record]:
        """Everything recorded since the last read, CPU after CPU; raises SourceError."""
        records: list[Record] = []
        try:
            for cpu in self._cpus:
                if self._read_cpu(cpu, records):
                    counters = _LOST.findall(os.pread(cpu.stats, _STATS_SIZE, 0))
                    self._overrun[cpu.raw] = sum(map(int, counters))
        except OSError as err:
            raise refused(err, "The trace buffers cannot be read") from err
        return records

    def close(self) -> None:
        """Close the files: only then can the instance be removed."""
        for cpu in self._cpus:
            for descriptor in cpu:
                with suppress(OSError):
                    os.close(descriptor)
        self._cpus.clear()

    def _read_cpu(self, cpu: _Cpu, records: list[Record]) -> bool:
        for turn in range(self._pages):
            try:
                page = os.read(cpu.raw, self._page_size)
            except BlockingIOError:
                return turn > 0
            if not page:
                return turn > 0
            decoded = self._decoder.decode(page)
            records += decoded.records
            self._missed += decoded.missed
            self.malformed += decoded.malformed
        return True
