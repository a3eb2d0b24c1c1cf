"""Kernel events of every TCP listener in every network namespace, however short its life."""

import os
import time
from contextlib import ExitStack
from types import TracebackType
from typing import NamedTuple, Self

from porteye_core.sources.trace.cpu_buffers import CpuBuffers
from porteye_core.sources.trace.format import event_format
from porteye_core.sources.trace.ring_buffer import Record
from porteye_core.sources.trace.setup import (
    buffer_layout,
    check_pid_namespace,
    new_departed,
    new_instance,
)
from porteye_core.sources.trace.tracefs import remove_stale, tracefs
from porteye_core.sources.trace.transitions import CONDITION, EVENT, FIELDS, Transition, transitions

# A record takes 76 bytes and a page holds 53: 1 MiB holds 13,500, so a burst of 10,000 on one CPU
# fits while nobody reads. Machines of many CPUs spread a burst: there the sum is kept to 64 MiB.
_BUFFER_KIB = 1024
_TOTAL_KIB = 64 * 1024
_LEAST_KIB = 256

_PASSES = 8


class Drained(NamedTuple):
    """What happened since the drain before, in the order of time.

    lost: transitions that the kernel had no room for, or that were skipped; malformed: pages and
    records not understood; more: what happened since is still to be drained.
    """

    transitions: tuple[Transition, ...]
    lost: int
    malformed: int
    more: bool = False


class Tracepoint:
    """A subscription to the kernel's transitions into and out of LISTEN; needs root.

    buffer_kib: kernel memory for each CPU, in KiB.
    """

    def __init__(self, buffer_kib: int | None = None) -> None:
        share = _TOTAL_KIB // (os.cpu_count() or 1)
        self._buffer_kib = buffer_kib or max(_LEAST_KIB, min(_BUFFER_KIB, share))
        self._stack = ExitStack()
        self._foreign = 0
        self._skipped = 0
        self._counted = (0, 0)
        self._ahead: list[Record] = []  # of CPUs that were read further than others

    def open(self) -> None:
        """Begin to record; raises SourceError, and leaves nothing behind then."""
        check_pid_namespace()
        with ExitStack() as stack:
            root = stack.enter_context(tracefs())
            remove_stale(root)
            layout = buffer_layout(root)
            self._departed = new_departed(stack, root, layout)
            self._instance = new_instance(stack, root, self._buffer_kib)
            self._instance.check(EVENT)
            described = event_format(self._instance.read(f"events/{EVENT}/format"))
            self._event_id, self._record = described.id, described.unpacker(*FIELDS)
            self._buffers = CpuBuffers(self._instance, layout)
            stack.callback(self._buffers.close)
            self._instance.enable(EVENT, CONDITION)
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Stop recording and leave the kernel as it was."""
        self._stack.close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def filenos(self) -> tuple[int, ...]:
        """Descriptors for poll: one of them is readable once there is something to drain."""
        return self._buffers.filenos()

    def is_watching(self) -> bool:
        """Whether the kernel still records: another tracing tool may have switched it off.

        Raises SourceError.
        """
        return self._instance.is_enabled()

    def drain(self) -> Drained:
        """Return the transitions since the drain before, all or a piece; never waits.

        Raises SourceError.
        """
        records, more = self._read()
        offset = _epoch_offset()
        unpack, size, wanted = self._record.unpack_from, self._record.size, self._event_id
        rows = [(at, *unpack(payload)) for at, payload in records if len(payload) >= size]
        rows = [row for row in rows if row[1] == wanted]
        self._foreign += len(records) - len(rows)
        # One look for each thread: reversed, so that its first transition stays in the dict.
        who = self._departed.resolve({row[2]: row[0] for row in reversed(rows)})
        return Drained(transitions(rows, who, offset), *self._news(), more)

    def skip(self) -> None:
        """Leave out what was not drained; the next drain counts it as lost. Raises SourceError."""
        self._skipped += len(self._ahead) + self._buffers.skip()
        self._ahead = []

    def _news(self) -> tuple[int, int]:
        """Lost and malformed since the drain before."""
        lost, malformed = self._counted
        self._counted = self._buffers.lost + self._skipped, self._buffers.malformed + self._foreign
        return self._counted[0] - lost, self._counted[1] - malformed

    def _read(self) -> tuple[list[Record], bool]:
        """Records in the order of time, and the presence of more.

        CPUs are read one after the other: an opening may be recorded on one just after it was read,
        and the closing on the next before that is. So it reads until nothing is younger than the
        beginning of the pass that read it. Where a CPU has more than one reading takes, what the
        others recorded later waits for that, and so does what is younger than that pass.
        """
        records, self._ahead = self._ahead, []
        until = None
        for _ in range(_PASSES):
            began = _boot_clock()
            batch = self._buffers.read()
            records += batch.records
            if batch.until is not None:
                until = min(batch.until, began)
                break
            if all(at < began for at, _ in batch.records):
                break
        records.sort(key=lambda record: record[0])
        if until is not None:
            self._ahead = [record for record in records if record[0] > until]
            records = records[: len(records) - len(self._ahead)]
        return records, until is not None


def _boot_clock() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def _epoch_offset() -> int:
    """Nanoseconds from the clock of the records to the wall clock, as it is set now."""
    before = _boot_clock()
    wall = time.time_ns()
    return wall - (before + _boot_clock()) // 2
