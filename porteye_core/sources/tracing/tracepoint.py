"""Subscription to kernel records of TCP listeners in all network namespaces."""

import os
import time
from collections import deque
from collections.abc import Iterable
from contextlib import ExitStack
from itertools import chain
from types import TracebackType
from typing import NamedTuple, Self

from porteye_core.sources.tracing.cpu_buffers import CpuBuffers
from porteye_core.sources.tracing.format import event_format
from porteye_core.sources.tracing.ring_buffer import Record
from porteye_core.sources.tracing.setup import (
    buffer_layout,
    check_pid_namespace,
    new_departed,
    new_instance,
)
from porteye_core.sources.tracing.tracefs import remove_stale, tracefs
from porteye_core.sources.tracing.transitions import (
    CONDITION,
    EVENT,
    FIELDS,
    Piece,
    Row,
    Transition,
    transitions,
    without_ended,
)

# A record takes 76 bytes and a page holds 53. So 1 MiB holds 13,500 records, and a burst of 10,000
# on one CPU fits. Machines with many CPUs spread a burst, so their total is limited to 64 MiB.
_BUFFER_KIB = 1024
_TOTAL_KIB = 64 * 1024
_LEAST_KIB = 256

_PASSES = 8
_PIECE = 4096  # records of one drain: to store 2,000 lives takes 0.3 s
_MAX_AT_ONCE = 2 * _PIECE
# Records that wait in this process, of 300 bytes each: the kernel's buffer overwrites those of all,
# and here the ones that matter less can be left out. One user makes 10,000 a second, or more. A
# burst of 10,000 lives fits.
_MAX_WAITING = 30_000
# Records of one drain whose threads are looked up, which takes longer than all else before it.
_MAX_FETCHED = 30_000


class Drained(NamedTuple):
    """Transitions since the last drain, in the order of time.

    lost: transitions for which the kernel had no room, or that were left out.
    malformed: pages and records that could not be decoded.
    more: later transitions wait for the next drain.
    """

    transitions: tuple[Transition, ...]
    lost: int
    malformed: int
    more: bool = False


class Tracepoint:
    """Subscription to the kernel's transitions into and out of LISTEN; needs root.

    buffer_kib: kernel memory for each CPU, in KiB.
    """

    def __init__(self, buffer_kib: int | None = None) -> None:
        share = _TOTAL_KIB // (os.cpu_count() or 1)
        self._buffer_kib = buffer_kib or max(_LEAST_KIB, min(_BUFFER_KIB, share))
        self._stack = ExitStack()
        self._foreign = 0
        self._left_out = 0
        self._counted = (0, 0)
        self._ahead: list[Record] = []  # later records of CPUs that were read further than others
        self._waiting: deque[Piece] = deque()

    def open(self) -> None:
        """Start recording. Raises SourceError, after undoing what was set up."""
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
        """Stop recording and remove the trace instances."""
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
        """Descriptors for poll; one is readable once there are records to drain."""
        return self._buffers.filenos()

    def is_watching(self) -> bool:
        """Tell that the kernel still records; another tracing tool may have switched it off.

        Raises SourceError.
        """
        return self._instance.is_enabled()

    def drain(self) -> Drained:
        """Return the transitions since the last drain, all or a part; never waits.

        Raises SourceError.
        """
        self._fetch()
        pieces = [self._waiting.popleft()] if self._waiting else []
        return self._drained(pieces, more=bool(self._waiting or self._ahead))

    def catch_up(self) -> Drained:
        """Return all that was recorded until now at once, without the lives that began and ended
        in it, and nothing if that is still too much; what is left out counts as lost.

        Raises SourceError.
        """
        self._fetch()
        self._thin()
        if self._ahead or self._count_waiting() > _MAX_AT_ONCE:
            self._skip()
        pieces, self._waiting = self._waiting, deque()
        return self._drained(pieces, more=False)

    def _drained(self, pieces: Iterable[Piece], *, more: bool) -> Drained:
        offset = _epoch_offset()
        found = (transitions(piece.rows, piece.who, offset) for piece in pieces)
        return Drained(tuple(chain.from_iterable(found)), *self._news(), more)

    def _skip(self) -> None:
        """Leave out all that was recorded until now. Raises SourceError."""
        self._left_out += self._count_waiting() + len(self._ahead) + self._buffers.skip()
        self._waiting.clear()
        self._ahead = []

    def _count_waiting(self) -> int:
        return sum(len(each.rows) for each in self._waiting)

    def _news(self) -> tuple[int, int]:
        """Numbers of lost and of malformed records since the last drain."""
        lost, malformed = self._counted
        self._counted = self._buffers.lost + self._left_out, self._buffers.malformed + self._foreign
        return self._counted[0] - lost, self._counted[1] - malformed

    def _fetch(self) -> None:
        """Let what the kernel holds wait here, without short lives where it is too much."""
        fetched: list[list[Row]] = []
        more = True
        while more and len(fetched) < _PASSES:
            records, more = self._read()
            fetched.append(self._rows(records))
        if sum(map(len, fetched)) > _MAX_FETCHED:
            fetched = self._thinned(fetched)
        for rows in fetched:
            for first in range(0, len(rows), _PIECE):
                self._waiting.append(self._piece(rows[first : first + _PIECE]))
        if self._count_waiting() > _MAX_WAITING:
            self._thin()
        if self._count_waiting() > _MAX_WAITING:
            self._skip()

    def _piece(self, rows: list[Row]) -> Piece:
        # One lookup for each thread: reversed, so that its first record stays in the dict.
        threads = {row[2]: row[0] for row in reversed(rows)}
        return Piece(rows, self._departed.resolve(threads))

    def _rows(self, records: list[Record]) -> list[Row]:
        """The records that are understood."""
        unpack, size, wanted = self._record.unpack_from, self._record.size, self._event_id
        rows = [(at, *unpack(payload)) for at, payload in records if len(payload) >= size]
        rows = [row for row in rows if row[1] == wanted]
        self._foreign += len(records) - len(rows)
        return rows

    def _thin(self) -> None:
        kept = self._thinned([each.rows for each in self._waiting])
        pieces = zip(kept, self._waiting, strict=True)
        self._waiting = deque(Piece(rows, piece.who) for rows, piece in pieces if rows)

    def _thinned(self, pieces: list[list[Row]]) -> list[list[Row]]:
        kept = without_ended(pieces)
        self._left_out += sum(map(len, pieces)) - sum(map(len, kept))
        return kept

    def _read(self) -> tuple[list[Record], bool]:
        """Read records in the order of time; also tell that more wait.

        CPUs are read one after the other. A CPU may record an opening just after it was read, and
        the next CPU the closing just before it is read. So passes repeat until no record is younger
        than the start of its pass. If a CPU holds more than one read takes, later records of the
        other CPUs wait for the next drain, and so do records younger than the pass.
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
