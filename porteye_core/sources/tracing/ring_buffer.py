"""Decoder of pages of the kernel's trace ring buffer; pure, and safe with any bytes.

The kernel describes the layout in events/header_page and events/header_event. The encoding of time
and length in an event header is documented in include/linux/ring_buffer.h.
"""

import struct
from dataclasses import dataclass
from typing import NamedTuple

# Upper bits of the commit word (kernel/trace/ring_buffer.c, RB_MISSED_*): events were lost before
# this page, and their number follows the page's data.
_MISSED = 1 << 31
_MISSED_STORED = 1 << 30
_COMMIT_MASK = _MISSED_STORED - 1

_ABSOLUTE_BITS = 59  # of an absolute time stamp; the upper five bits are those of the current time

Record = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class PageLayout:
    """Offsets and sizes of a page's parts, in bytes, and the type numbers of event headers."""

    little_endian: bool
    commit_offset: int
    commit_size: int
    data_offset: int
    data_size: int
    type_bits: int
    delta_bits: int
    data_type_max: int
    padding: int
    time_extend: int
    time_stamp: int

    @property
    def page_size(self) -> int:
        """Size of a page in bytes."""
        return self.data_offset + self.data_size


class Page(NamedTuple):
    """Content of a page.

    records: time in nanoseconds of the buffer's clock, and payload.
    missed: events lost before this page; at least 1 if the kernel did not store the number.
    malformed: 1 if the page could not be decoded to its end.
    """

    records: list[Record]
    missed: int
    malformed: int


class Decoder:
    """Decoder of pages of one layout."""

    def __init__(self, layout: PageLayout) -> None:
        order = "<" if layout.little_endian else ">"
        self._layout = layout
        self._time = struct.Struct(f"{order}Q")
        self._word = struct.Struct(f"{order}I")
        self._long = struct.Struct(order + {4: "I", 8: "Q"}[layout.commit_size])
        # Bit fields start at the low end of a word on little endian, at the high end on big endian.
        self._type_shift, self._delta_shift = (
            (0, layout.type_bits) if layout.little_endian else (layout.delta_bits, 0)
        )

    def decode(self, page: bytes) -> Page:
        """Decode the records of a page; of a malformed page, those before the damage."""
        layout = self._layout
        if len(page) < layout.data_offset:
            return Page([], 0, 1)
        (start,) = self._time.unpack_from(page, 0)
        (commit,) = self._long.unpack_from(page, layout.commit_offset)
        promised = layout.data_offset + (commit & _COMMIT_MASK)
        end = min(promised, len(page), layout.page_size)
        records: list[Record] = []
        sound = self._walk(page, layout.data_offset, end, start, records)
        missed = self._missed(page, commit, promised)
        return Page(records, missed, 0 if sound and end == promised else 1)

    def _missed(self, page: bytes, commit: int, end: int) -> int:
        if not commit & _MISSED:
            return 0
        if commit & _MISSED_STORED and end + self._long.size <= len(page):
            return int(self._long.unpack_from(page, end)[0])
        return 1

    def _walk(self, page: bytes, at: int, end: int, now: int, records: list[Record]) -> bool:
        """Append the records between `at` and `end`; False if their lengths do not fit.

        Every iteration advances `at` by at least a header, so no input makes it endless.
        """
        layout, word = self._layout, self._word.unpack_from
        type_shift, type_mask = self._type_shift, (1 << layout.type_bits) - 1
        delta_shift, delta_mask = self._delta_shift, (1 << layout.delta_bits) - 1
        data_type_max = layout.data_type_max
        while at + 4 <= end:
            (head,) = word(page, at)
            kind, delta = head >> type_shift & type_mask, head >> delta_shift & delta_mask
            if 0 < kind <= data_type_max:  # short record: the type is the length in words
                data, stop, now = at + 4, at + 4 + 4 * kind, now + delta
            elif kind == layout.padding and delta == 0:  # only padding up to the end of the page
                return True
            elif at + 8 > end:
                return False
            else:
                (extra,) = word(page, at + 4)
                now = self._time_after(kind, delta, extra, now)
                data, stop = at + 8, at + 4 + extra
                if kind in (layout.time_extend, layout.time_stamp):
                    at += 8
                    continue
            if not data <= stop <= end:
                return False
            if kind != layout.padding:
                records.append((now, page[data:stop]))
            at = stop
        return at == end

    def _time_after(self, kind: int, delta: int, extra: int, now: int) -> int:
        layout = self._layout
        if kind == layout.time_extend:
            return now + (extra << layout.delta_bits) + delta
        if kind == layout.time_stamp:
            upper = now >> _ABSOLUTE_BITS << _ABSOLUTE_BITS
            return upper | (extra << layout.delta_bits) + delta
        return now + delta  # also for a discarded record: the next delta counts from it
