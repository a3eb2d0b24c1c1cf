"""Timeline chart: a bar for each life of a listener, with escaped hover texts."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from porteye_core.charts.figure import (
    FRAME_HEIGHT,
    OTHERS,
    PALETTE,
    Instants,
    Span,
    Trace,
    clock,
    clock_texts,
    heights,
    moments,
    pickable,
    row_axis,
    text,
)

_ROW_HEIGHT, _BAR, _FEWEST_ROWS = 22, 14, 4  # pixels, pixels, rows
_LONGEST_NAME = 40
SEVERAL = "several programs"
_NARROWEST_EDGE = 1 / 2000  # of the range: a soft edge narrower than a pixel is not drawn
_UNBOUNDED_EDGE = 1 / 50  # of the range: width of an edge whose beginning is unknown
_Label = tuple[str, int, str]  # legend name, height and hover text of a row


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars within the range, on the viewer's clock; `of`: index of each bar's row."""

    start: Instants
    end: Instants
    of: npt.NDArray[np.intp]


def timeline(
    lives: pd.DataFrame,
    merged: pd.DataFrame,
    rows: list[tuple[int, str]],
    gaps: pd.DataFrame,
    span: Span,
) -> go.Figure:
    """Draw a line for each port, with bars coloured by program.

    `lives` have a bar each; `merged` has stretches in which any of several lives was open. A
    paler part of a bar shows the time in which an inexact edge lies.
    """
    drawn_rows = max(_FEWEST_ROWS, len(rows))
    # In rows; few rows are taller.
    thickness = _BAR / _ROW_HEIGHT * len(rows) / drawn_rows
    place = heights(rows)
    colors = _colors(pd.concat([lives["process"], merged["process"]]).astype("str"))
    alone = _labels(lives, place, colors, stories(lives))
    layers = (
        (_by_name(sharp(lives, span), alone), _sharp),
        (_by_name(soft(lives, span), alone), _soft),
        (
            _by_name(whole(merged, span), _labels(merged, place, colors, several(merged))),
            _striped,
        ),
    )
    traces = []
    for name, color in dict.fromkeys(colors.values()):
        shown = True
        for part, style in layers:
            if name in part:
                traces.append(
                    part[name] | _named(name, shown=shown) | style(color) | {"width": thickness}
                )
                shown = False
    height = FRAME_HEIGHT + _ROW_HEIGHT * drawn_rows
    layout = {"height": height, "barmode": "overlay", "yaxis": row_axis(rows)}
    return pickable(traces, gaps, span, layout)


def _sharp(color: str) -> Trace:
    # The outline keeps a life shorter than a pixel visible.
    return {"marker": {"color": color, "line": {"color": color, "width": 2}}}


def _soft(color: str) -> Trace:
    return {"marker": {"color": color, "opacity": 0.4, "line": {"width": 0}}}


def _striped(color: str) -> Trace:
    # Stripes run along the bar: across it they would look like many short lives.
    stripes = {"shape": "-", "size": 4, "solidity": 0.4, "fillmode": "replace"}
    return {"marker": {"color": color, "pattern": stripes, "line": {"color": color, "width": 1}}}


def _labels(
    part: pd.DataFrame,
    place: dict[tuple[int, str], int],
    colors: dict[str, tuple[str, str]],
    said: list[str],
) -> list[_Label]:
    columns = (part[name].tolist() for name in ("process", "port", "protocol"))
    return [
        (colors[process][0], place[port, protocol], story)
        for process, port, protocol, story in zip(*columns, said, strict=True)
    ]


def _by_name(found: Bars, labels: list[_Label]) -> dict[str, Trace]:
    """Bars with their hover texts, grouped by name in the legend."""
    # Plotly measures lengths on a time axis in milliseconds.
    lengths = ((found.end - found.start) / np.timedelta64(1, "ms")).tolist()
    columns = ("base", "x", "y", "customdata")
    by_name: dict[str, list[tuple[str, float, int, str]]] = {}
    for base, x, of in zip(clock_texts(found.start), lengths, found.of.tolist(), strict=True):
        name, y, story = labels[of]
        by_name.setdefault(name, []).append((base, x, y, story))
    return {
        name: dict(zip(columns, map(list, zip(*each, strict=True)), strict=True))
        for name, each in by_name.items()
    }


def _named(name: str, *, shown: bool) -> Trace:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "legendgroup": name,
        "showlegend": shown,
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _colors(named: "pd.Series[str]") -> dict[str, tuple[str, str]]:
    """Legend name and colour of each program.

    The most frequent programs have one each; the others share grey and one name.
    """
    names = [name for name in named.value_counts().index if name != SEVERAL]
    free, found = list(PALETTE), {}
    for name in names[: len(PALETTE)]:
        # Chosen by name, so that a program mostly keeps its colour when the range changes.
        color = PALETTE[zlib.crc32(name.encode()) % len(PALETTE)]
        free.remove(color := color if color in free else free[0])
        found[name] = _legend(name), color
    others = names[len(PALETTE) :]
    found |= dict.fromkeys(others, (f"{len(others)} more", OTHERS))
    return found | {SEVERAL: (SEVERAL, OTHERS)}


def _legend(name: str) -> str:
    cut = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    return text(cut) or "unknown"


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


def stories(lives: pd.DataFrame) -> list[str]:
    """Hover text of each life: owner, address, and opening and closing with their precision."""
    lines = zip(
        lives["process"].tolist(),
        lives["pid"].tolist(),
        lives["protocol"].tolist(),
        lives["address"].tolist(),
        lives["port"].tolist(),
        _edges(lives, "opened"),
        _edges(lives, "closed"),
        strict=True,
    )
    return [
        f"{text(process) or 'unknown owner'}{'' if pd.isna(pid) else f', pid {pid}'}<br>"
        f"{protocol} {text(address)} port {port}<br>{opened}<br>{closed}"
        for process, pid, protocol, address, port, opened, closed in lines
    ]


def several(merged: pd.DataFrame) -> list[str]:
    """Hover text of each bar that merges several lives."""
    lines = zip(
        merged["process"].tolist(),
        merged["protocol"].tolist(),
        merged["port"].tolist(),
        merged["opened"].tolist(),
        merged["closed"].tolist(),
        moments(merged["start"], "s"),
        moments(merged["end"], "s"),
        strict=True,
    )
    return [
        f"{text(process) or 'unknown owner'}<br>{protocol} port {port}, several lives:"
        f" {opened:,} opened, {closed:,} closed<br>from {start}<br>to {end}"
        for process, protocol, port, opened, closed, start, end in lines
    ]


def _edges(lives: pd.DataFrame, name: str) -> Iterator[str]:
    at, earliest = lives[f"{name}_at"], lives[f"{name}_from"]
    seconds: pd.Series[Any] = (at - earliest).dt.total_seconds()
    seen = lives[f"{name}_seen"].tolist()
    unwatched = (at.notna() & ~lives[f"{name}_seen"].isin(["kernel", "poll"])).to_numpy()
    began = iter(moments(earliest[unwatched]))  # formatted only where it is shown
    for missing, how, moment, uncertain, unseen in zip(
        at.isna().tolist(), seen, moments(at), seconds.tolist(), unwatched.tolist(), strict=True
    ):
        before = next(began) if unseen else ""
        if missing:
            yield "open as far as is known"
        elif how == "kernel":
            yield f"{name} {moment}"
        elif how == "poll":
            yield f"{name} {moment} or up to {uncertain:g} s before"
        elif pd.isna(uncertain):
            yield f"{name} before {moment}: nobody watched"
        else:
            yield f"{name} between {before}<br>and {moment}: nobody watched"
