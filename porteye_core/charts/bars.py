"""Time spans of lives: the certain span, and the uncertain span at each edge."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from porteye_core.charts.figure import Instants, Span, clock

_NARROWEST_EDGE = 1 / 2000  # of the range: a soft edge narrower than a pixel is not drawn
_UNBOUNDED_EDGE = 1 / 50  # of the range: width of an edge whose beginning is unknown


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars within the range, on the viewer's clock; `of`: index of each bar's row."""

    start: Instants
    end: Instants
    of: npt.NDArray[np.intp]


def sharp(lives: pd.DataFrame, span: Span) -> Bars:
    """Spans in which each life was certainly open."""
    closed, closed_from = clock(lives["closed_at"]), clock(lives["closed_from"])
    known = np.where(np.isnat(closed_from), closed, closed_from)
    return _within(clock(lives["opened_at"]), known, span)


def soft(lives: pd.DataFrame, span: Span) -> Bars:
    """Spans in which a life may have been open, before and after its certain span."""
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
    """Spans from the start to the end of each stretch."""
    return _within(clock(stretches["start"]), clock(stretches["end"]), span)


def _within(start: Instants, end: Instants, span: Span) -> Bars:
    """Bars from start to end, cut to the range; one without an end reaches to the range's."""
    first, last = _bounds(span)
    begun = np.clip(start, first, last)
    over = np.clip(np.where(np.isnat(end), last, end), first, last)
    return Bars(begun, np.maximum(begun, over), np.arange(len(start)))


def _bounds(span: Span) -> tuple[np.datetime64, np.datetime64]:
    first, last = (edge.tz_localize(None).to_datetime64() for edge in span)
    return first, max(first, last)  # after a clock was set back the end may be earlier
