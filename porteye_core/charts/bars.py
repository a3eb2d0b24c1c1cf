"""From when to when lives are known to have been open, and from when to when they may have been."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from porteye_core.charts.figure import Instants, Span, clock

_NARROWEST_EDGE = 1 / 2000  # of the range: narrower than a pixel, a soft edge is none
_UNBOUNDED_EDGE = 1 / 50  # where nobody knows how far back it reaches


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars within the range, on the reader's clock; `of` has the place of the row of each."""

    start: Instants
    end: Instants
    of: npt.NDArray[np.intp]


def sharp(lives: pd.DataFrame, span: Span) -> Bars:
    """Where each life is known to have been open."""
    closed, closed_from = clock(lives["closed_at"]), clock(lives["closed_from"])
    known = np.where(np.isnat(closed_from), closed, closed_from)
    return _within(clock(lives["opened_at"]), known, span)


def soft(lives: pd.DataFrame, span: Span) -> Bars:
    """Where a life may have been open, before what is known of it and after."""
    start, end = _bounds(span)
    opened, closed = clock(lives["opened_at"]), clock(lives["closed_at"])
    opened_from, closed_from = clock(lives["opened_from"]), clock(lives["closed_from"])
    unbounded = opened - (end - start) * _UNBOUNDED_EDGE
    before = _within(np.where(np.isnat(opened_from), unbounded, opened_from), opened, span)
    ended = np.flatnonzero(~np.isnat(closed) & ~np.isnat(closed_from))
    after = _within(np.maximum(closed_from, opened)[ended], closed[ended], span)
    begun, over = np.append(before.start, after.start), np.append(before.end, after.end)
    wide = np.flatnonzero(over - begun > (end - start) * _NARROWEST_EDGE)
    return Bars(begun[wide], over[wide], np.append(before.of, ended)[wide])


def whole(stretches: pd.DataFrame, span: Span) -> Bars:
    """From the start to the end of each."""
    return _within(clock(stretches["start"]), clock(stretches["end"]), span)


def _within(start: Instants, end: Instants, span: Span) -> Bars:
    """Bars from start to end, cut to the range; one without an end reaches to the range's."""
    first, last = _bounds(span)
    begun = np.clip(start, first, last)
    over = np.clip(np.where(np.isnat(end), last, end), first, last)
    return Bars(begun, np.maximum(begun, over), np.arange(len(start)))


def _bounds(span: Span) -> tuple[np.datetime64, np.datetime64]:
    first, last = (edge.tz_localize(None).to_datetime64() for edge in span)
    return first, max(first, last)  # a clock that was put back may show an earlier time at the end
