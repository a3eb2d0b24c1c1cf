"""The lives of listeners as bars on the rows of a timeline, with escaped hover texts."""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from porteye_core.charts.figure import (
    OTHERS,
    PALETTE,
    REACHABLE_COLOR,
    Instants,
    Span,
    Trace,
    bounds,
    clock,
    clock_texts,
    micros,
    moments,
    text,
)

REACHABLE, LOCAL, UNKNOWN = "reachable from the network", "local only", "exposure not known"
COLORS = {REACHABLE: REACHABLE_COLOR, LOCAL: OTHERS, UNKNOWN: "#CC79A7"}
SEVERAL = "several programs"
ROW, _BAR = 21, 13  # pixels
WIDTH = _BAR / ROW
_NARROWEST_EDGE = 1 / 2000  # of the range: a soft edge narrower than a pixel is not drawn
_UNBOUNDED_EDGE = 1 / 50  # of the range: width of an edge whose beginning is unknown
# Of the range, two and four pixels: lives that are nearer to each other than the first touch, and
# marks of a restart that are nearer than the second would hide the bar.
_TOUCHING, _APART = 1 / 500, 1 / 250
Heights = dict[tuple[int, str] | None, int]  # of the row of a port and protocol
_Label = tuple[str, int, str, str]  # legend name, height, hover text and id of a bar


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars within the range, on the viewer's clock; `of`: index of each bar's row."""

    start: Instants
    end: Instants
    of: npt.NDArray[np.intp]


def bars(
    lives: pd.DataFrame,
    merged: pd.DataFrame,
    heights: Heights,
    span: Span,
) -> list[Trace]:
    """Draw a bar for each life, and a striped one for each stretch of several; see
    `timeline.timeline`."""
    colors = _colors(pd.concat([lives["color"], merged["color"]]).astype("str"))
    ids = [f"listener {number}" for number in lives["id"].tolist()]
    alone = _labels(lives, heights, stories(lives), ids)
    ranges = zip(micros(merged["start"]), micros(merged["end"]), strict=True)
    together = _labels(merged, heights, several(merged), [f"range {a} {b}" for a, b in ranges])
    layers: tuple[tuple[dict[str, Trace], Callable[[str], Trace]], ...] = (
        (_by_name(sharp(lives, span), alone), _sharp),
        (_by_name(soft(lives, span), alone), _soft),
        (_by_name(whole(merged, span), together), _striped),
    )
    traces = []
    for name, color in colors.items():
        shown = name in COLORS
        for part, style in layers:
            if name in part:
                traces.append(part[name] | _named(name, shown=shown) | style(color))
                shown = False
    return traces


def restarts(lives: pd.DataFrame, heights: Heights, span: Span) -> Trace:
    """Marks where a life begins as the one before it ends: bars of one colour have no edge."""
    first, last = bounds(span)
    touching, apart = (last - first) * _TOUCHING, (last - first) * _APART
    opened, closed = clock(lives["opened_at"]), clock(lives["closed_at"])
    columns = lives["port"].tolist(), lives["protocol"].tolist()
    ended, marked = dict[int, np.datetime64](), dict[int, np.datetime64]()
    x, y = [], []
    for at, over, port, protocol in zip(opened, closed, *columns, strict=True):
        row = heights[port, protocol]
        end = ended.get(row)
        if (
            end is not None
            and first < at < last
            and abs(at - end) < touching
            and at - marked.get(row, first) > apart
        ):
            x.append(at)
            y.append(row)
            marked[row] = at
        until = last if np.isnat(over) else over
        ended[row] = until if end is None else max(end, until)
    return {
        "type": "scatter",
        "mode": "markers",
        "x": clock_texts(np.array(x, dtype="datetime64[us]")),
        "y": y,
        "yaxis": "y2",
        "marker": {
            "symbol": "line-ns",
            "size": 0.7 * _BAR,
            "line": {"width": 2, "color": "rgba(255, 255, 255, 0.9)"},
        },
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _sharp(color: str) -> Trace:
    # The outline keeps a life shorter than a pixel visible.
    marker = {"color": color, "line": {"color": color, "width": 1.5}}
    return {"marker": marker, "unselected": {"marker": {"opacity": 1}}}


def _soft(color: str) -> Trace:
    faint = {"opacity": 0.4}
    marker = {"color": color, "line": {"width": 0}, **faint}
    return {"marker": marker, "unselected": {"marker": faint}, "selected": {"marker": faint}}


def _striped(color: str) -> Trace:
    # Stripes run along the bar: across it they would look like many short lives.
    stripes = {"shape": "-", "size": 4, "solidity": 0.4, "fillmode": "replace"}
    marker = {"color": color, "pattern": stripes, "line": {"color": color, "width": 1}}
    return {"marker": marker, "unselected": {"marker": {"opacity": 1}}}


def _labels(
    part: pd.DataFrame,
    heights: Heights,
    hovers: list[str],
    ids: list[str],
) -> list[_Label]:
    columns = (part[name].tolist() for name in ("color", "port", "protocol"))
    return [
        (color, heights[port, protocol], story, number)
        for color, port, protocol, story, number in zip(*columns, hovers, ids, strict=True)
    ]


def _by_name(spans: Bars, labels: list[_Label]) -> dict[str, Trace]:
    """Bars with their hover texts and ids, grouped by name in the legend."""
    # Plotly measures lengths on a time axis in milliseconds.
    lengths = ((spans.end - spans.start) / np.timedelta64(1, "ms")).tolist()
    columns = ("base", "x", "y", "customdata", "ids")
    by_name: dict[str, list[tuple[str, float, int, str, str]]] = {}
    for base, x, of in zip(clock_texts(spans.start), lengths, spans.of.tolist(), strict=True):
        name, height, story, number = labels[of]
        bars = by_name.setdefault(name, [])
        # Of two bars with one id Plotly draws one.
        bars.append((base, x, height, story, f"{number} #{len(bars)}"))
    return {
        name: dict(zip(columns, map(list, zip(*each, strict=True)), strict=True))
        for name, each in by_name.items()
    }


def _named(name: str, *, shown: bool) -> Trace:
    return {
        "type": "bar",
        "orientation": "h",
        "yaxis": "y2",
        "width": WIDTH,
        "name": text(name),
        "legendgroup": name,
        "showlegend": shown,
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _colors(named: "pd.Series[str]") -> dict[str, str]:
    """The colour of each name: an exposure has its own, and programs in the order of how frequent
    they are, the last of them grey."""
    names = list(named.value_counts().index)
    colors = {name: color for name, color in COLORS.items() if name in names}
    free = list(PALETTE)
    for name in names:
        if name not in colors:
            # Chosen by name, so that a program mostly keeps its colour when the range changes.
            color = PALETTE[zlib.crc32(name.encode()) % len(PALETTE)]
            if name == SEVERAL or not free:
                color = OTHERS
            elif color not in free:
                color = free[0]
            colors[name] = color
            if color in free:
                free.remove(color)
    return colors


def sharp(lives: pd.DataFrame, span: Span) -> Bars:
    """Spans in which each life was certainly open."""
    closed, closed_from = clock(lives["closed_at"]), clock(lives["closed_from"])
    known = np.where(np.isnat(closed_from), closed, closed_from)
    return _within(clock(lives["opened_at"]), known, span)


def soft(lives: pd.DataFrame, span: Span) -> Bars:
    """Spans in which a life may have been open, before and after its certain span."""
    start, end = bounds(span)
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
    first, last = bounds(span)
    begun = np.clip(start, first, last)
    over = np.clip(np.where(np.isnat(end), last, end), first, last)
    return Bars(begun, np.maximum(begun, over), np.arange(len(start)))


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
