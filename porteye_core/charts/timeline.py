"""Timeline: a band of openings and closings above rows of lives, with escaped hover texts."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from porteye_core.charts.figure import (
    CLOSED,
    OPENED,
    OTHERS,
    PALETTE,
    REACHABLE_COLOR,
    Instants,
    Span,
    Trace,
    both_ways,
    clickable,
    clock,
    clock_texts,
    drawn,
    moments,
    text,
    wall,
)

REACHABLE, LOCAL, UNKNOWN = "reachable from the network", "local only", "exposure not known"
COLORS = {REACHABLE: REACHABLE_COLOR, LOCAL: OTHERS, UNKNOWN: "#CC79A7"}
SEVERAL = "several programs"
# Pixels: the legend, the band, between band and rows, a row, its bar, and the times below.
_LEGEND, _BAND, _BETWEEN, _ROW, _BAR, _TIMES = 26, 96, 14, 21, 13, 36
LEFT, LEFT_ON_A_PHONE = 190, 112  # pixels of the rows' labels
_LETTER = 6.4  # pixels
_FEWEST_ROWS = 4
_NARROWEST_EDGE = 1 / 2000  # of the range: a soft edge narrower than a pixel is not drawn
_UNBOUNDED_EDGE = 1 / 50  # of the range: width of an edge whose beginning is unknown
# Of the range, two and four pixels: lives that are nearer to each other than the first touch, and
# marks of a restart that are nearer than the second would hide the bar.
_TOUCHING, _APART = 1 / 500, 1 / 250
_CLICKS = 480  # places across the plot at which a click finds its moment: two pixels each
_FAR = 1e6  # rows: see `_moments`
_COUNTS = ("opened", "closed", "already", "open")
_NOTES = 3  # labels in the band; of more, those with the highest counts
_Label = tuple[str, int, str, str]  # legend name, height, hover text and id of a bar


@dataclass(frozen=True, slots=True)
class Line:
    """A row with its label: the lives at `place`, or `counts` between `edges` of which each is
    `what`; `name` stands in hover texts, `color` is that of the counts."""

    label: str
    name: str
    place: tuple[int, str] | None = None
    counts: npt.NDArray[np.int64] | None = None
    edges: "pd.Series[pd.Timestamp] | None" = None
    what: str = ""
    color: str = OPENED


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars within the range, on the viewer's clock; `of`: index of each bar's row."""

    start: Instants
    end: Instants
    of: npt.NDArray[np.intp]


def timeline(
    band: pd.DataFrame,
    bucket: str,
    lives: pd.DataFrame,
    merged: pd.DataFrame,
    lines: Sequence[Line],
    gaps: pd.DataFrame,
    span: Span,
    left: int = LEFT,
) -> go.Figure:
    """Draw a band of what opened and closed per bucket, and a row for each line.

    `lives` have a bar each; `merged` has stretches in which any of several lives was open. The
    column `color` of both names what a bar is coloured by: an exposure, or a program. A paler part
    of a bar shows the time in which an inexact edge lies. The ids of points say what a click on
    them means: see `meaning`.
    """
    count = max(_FEWEST_ROWS, len(lines))
    place = {line.place: count - 1 - row for row, line in enumerate(lines)}
    height = _LEGEND + _BAND + _BETWEEN + _ROW * count + _TIMES
    plot = height - _LEGEND - _TIMES
    labels = [line.label for line in lines]
    layout = {
        "height": height,
        "margin": {"l": left, "r": 8, "t": _LEGEND, "b": _TIMES},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        "barmode": "overlay",
        "xaxis": {"anchor": "y2", "fixedrange": True},
        "yaxis": _band_axis(band) | {"domain": [1 - _BAND / plot, 1]},
        "yaxis2": row_axis(labels, left, count)
        | {"anchor": "x", "domain": [0, _ROW * count / plot]},
    }
    traces = [
        *_moments(band, span, bucket),
        *_band(band, span),
        *_bars(lives, merged, place, span),
        *cells(lines, span, [count - 1 - row for row in range(len(lines))]),
        _restarts(lives, place, span),
    ]
    return drawn(traces, gaps, span, clickable(layout), rows=2, is_shared=True)


def row_axis(labels: Sequence[str], left: int, count: int = 0) -> Trace:
    """Axis of at least so many rows with these labels, the first on top, as long as there is room
    for at the left."""
    count = max(count, len(labels))
    length = int(left / _LETTER)
    cut = [each if len(each) <= length else f"{each[: length - 1]}…" for each in labels]
    return {
        "range": [-0.5, count - 0.5],
        "tickvals": [count - 1 - row for row in range(len(labels))],
        "ticktext": [text(each) for each in cut],
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }


def meaning(point: str) -> tuple[str, tuple[int, ...]]:
    """The word and the numbers in the id of a clicked point: `listener` with its id, `moment` with
    its time, or `range` with both ends, in microseconds since the epoch. What follows a # only
    tells bars apart.

    >>> meaning("range 17 23 #4")
    ('range', (17, 23))
    """
    word, *numbers = point.partition("#")[0].split()
    return word, tuple(map(int, numbers))


def _micros(times: "pd.Series[Any]") -> list[int]:
    there = times.dt.tz_convert("UTC").astype("datetime64[us, UTC]")
    found: list[int] = there.astype("int64").tolist()
    return found


def _band_axis(band: pd.DataFrame) -> Trace:
    axis = both_ways(int(max(band["opened"].max(), band["closed"].max())))
    highest = max(axis["tickvals"])
    return {**axis, "range": [-highest, highest], "fixedrange": True, "zeroline": False}


def _band(band: pd.DataFrame, span: Span) -> list[Trace]:
    """Openings above and closings below the line, and notes of what was there already."""
    # Plotly measures lengths on a time axis in milliseconds, and centres bars unless told.
    width = ((band["end"] - band["at"]).dt.total_seconds() * 1000 * 0.92).tolist()
    bars = {"type": "bar", "x": wall(band["at"]), "width": width, "offset": 0, "hoverinfo": "skip"}
    full = {"unselected": {"marker": {"opacity": 1}}}
    above = {**bars, **full, "y": band["opened"].tolist(), "name": "opened"}
    below = {**bars, **full, "y": (-band["closed"]).tolist(), "name": "closed"}
    traces = [above | {"marker": {"color": OPENED}}, below | {"marker": {"color": CLOSED}}]
    there = band[band["already"] > 0]
    return [*traces, _there_already(there, span)] if len(there) else traces


def _there_already(there: pd.DataFrame, span: Span) -> Trace:
    first, last = _bounds(span)
    at = np.clip(clock(there["at"]), first, last)
    is_late = at > first + (last - first) / 2
    # Only where it would else look like a tower: a word for each gap would hide the band.
    many = there[there["already"] > there["opened"] + there["closed"]]
    noted = set(many["already"].nlargest(_NOTES).index)
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": clock_texts(at),
        "y": [0] * len(there),
        "text": [
            f"{count:,} already there" if row in noted else ""
            for row, count in there["already"].items()
        ],
        "textposition": ["top left" if late else "top right" for late in is_late.tolist()],
        "textfont": {"size": 11},
        "marker": {"symbol": "diamond-open", "color": OTHERS, "size": 8, "line": {"width": 2}},
        "name": "already there",
        "hoverinfo": "skip",
        "cliponaxis": False,
    }


def _moments(band: pd.DataFrame, span: Span, bucket: str) -> list[Trace]:
    """Invisible bars across the band and across the rows: a click on what is empty finds a moment,
    and in the band the hand finds the counts.

    Of bars above each other Plotly takes the one in which the hand is nearest to the end: these
    are so long that it is always a visible one.
    """
    first, last = (edge.value // 1000 for edge in span)
    edges = np.linspace(first, max(first + 1, last), _CLICKS + 1)
    middles = ((edges[1:] + edges[:-1]) / 2).astype("int64")
    at = pd.Series(middles.astype("datetime64[us]")).dt.tz_localize("UTC")
    here = clock(at.dt.tz_convert(str(span[0].tz)))
    said = clock_texts(here, "s")
    bars = {
        "type": "bar",
        "x": clock_texts(here),
        "y": [2 * _FAR] * _CLICKS,
        "width": (last - first) / _CLICKS / 1000,
        "marker": {"color": "rgba(0, 0, 0, 0)", "line": {"width": 0}},
        "ids": [f"moment {moment}" for moment in middles.tolist()],
        "hovertemplate": "%{customdata}<extra></extra>",
        "showlegend": False,
    }
    counts = _told(band, middles, bucket)
    told = [f"{when}<br>{each}" for when, each in zip(said, counts, strict=True)]
    return [
        {**bars, "yaxis": "y", "base": -_FAR / 1e3, "customdata": told},
        {**bars, "yaxis": "y2", "base": -0.5, "customdata": said},
    ]


def _told(band: pd.DataFrame, at: npt.NDArray[np.int64], bucket: str) -> list[str]:
    place = np.searchsorted(_micros(band["at"]), at, side="right") - 1
    said = []
    for opened, closed, already, held in band[list(_COUNTS)].itertuples(index=False):
        there = f", {already:,} already there" if already else ""
        counts = f"{opened:,} opened, {closed:,} closed{there}"
        said.append(f"{counts}<br>in this {bucket}, {held:,} open at its end")
    return [said[each] for each in place.clip(min=0).tolist()]


def _bars(
    lives: pd.DataFrame,
    merged: pd.DataFrame,
    place: dict[tuple[int, str] | None, int],
    span: Span,
) -> list[Trace]:
    colors = _colors(pd.concat([lives["color"], merged["color"]]).astype("str"))
    ids = [f"listener {number}" for number in lives["id"].tolist()]
    alone = _labels(lives, place, stories(lives), ids)
    ranges = zip(_micros(merged["start"]), _micros(merged["end"]), strict=True)
    together = _labels(merged, place, several(merged), [f"range {a} {b}" for a, b in ranges])
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
    place: dict[tuple[int, str] | None, int],
    said: list[str],
    ids: list[str],
) -> list[_Label]:
    columns = (part[name].tolist() for name in ("color", "port", "protocol"))
    return [
        (color, place[port, protocol], story, number)
        for color, port, protocol, story, number in zip(*columns, said, ids, strict=True)
    ]


def _by_name(found: Bars, labels: list[_Label]) -> dict[str, Trace]:
    """Bars with their hover texts and ids, grouped by name in the legend."""
    # Plotly measures lengths on a time axis in milliseconds.
    lengths = ((found.end - found.start) / np.timedelta64(1, "ms")).tolist()
    columns = ("base", "x", "y", "customdata", "ids")
    by_name: dict[str, list[tuple[str, float, int, str, str]]] = {}
    for base, x, of in zip(clock_texts(found.start), lengths, found.of.tolist(), strict=True):
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
        "width": _BAR / _ROW,
        "name": text(name),
        "legendgroup": name,
        "showlegend": shown,
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def cells(lines: Sequence[Line], span: Span, heights: Sequence[int]) -> list[Trace]:
    """Draw the counts of lines as cells, the darker the more; none where there is nothing."""
    edges = dict[int, _Edges]()
    traces = []
    for line, height in zip(lines, heights, strict=True):
        if line.counts is not None and line.edges is not None:
            of = edges.setdefault(id(line.edges), _Edges.of(line.edges, span))
            traces.append(_cells(line, line.counts, height, of))
    return traces


@dataclass(frozen=True, slots=True)
class _Edges:
    """Edges of buckets on the viewer's clock, within the range; in words; and in microseconds."""

    within: Instants
    said: list[str]
    micros: list[int]

    @staticmethod
    def of(edges: "pd.Series[pd.Timestamp]", span: Span) -> "_Edges":
        """The same of a column."""
        return _Edges(np.clip(clock(edges), *_bounds(span)), moments(edges, "s"), _micros(edges))


def _cells(line: Line, counts: npt.NDArray[np.int64], height: int, edges: _Edges) -> Trace:
    (held,) = np.nonzero(counts)
    name = text(line.name)
    starts = edges.within[held]
    depth = np.sqrt(counts[held] / max(1, int(counts.max())))
    return {
        "type": "bar",
        "orientation": "h",
        "yaxis": "y2",
        "width": _BAR / _ROW,
        "base": clock_texts(starts),
        "x": ((edges.within[held + 1] - starts) / np.timedelta64(1, "ms")).tolist(),
        "y": [height] * len(held),
        "marker": {
            "color": [f"rgba({_rgb(line.color)}, {0.25 + 0.75 * each:.2f})" for each in depth],
            "line": {"width": 0},
        },
        "unselected": {"marker": {"opacity": 1}},
        "ids": [f"range {edges.micros[at]} {edges.micros[at + 1]}" for at in held.tolist()],
        "customdata": [
            f"{name}: {count:,} {line.what}<br>{edges.said[at]}<br>to {edges.said[at + 1]}"
            for at, count in zip(held.tolist(), counts[held].tolist(), strict=True)
        ],
        "hovertemplate": "%{customdata}<extra></extra>",
        "showlegend": False,
    }


def _rgb(color: str) -> str:
    return ", ".join(str(int(color[at : at + 2], 16)) for at in (1, 3, 5))


def _restarts(lives: pd.DataFrame, place: dict[tuple[int, str] | None, int], span: Span) -> Trace:
    """Marks where a life begins as the one before it ends: bars of one colour have no edge."""
    first, last = _bounds(span)
    touching, apart = (last - first) * _TOUCHING, (last - first) * _APART
    opened, closed = clock(lives["opened_at"]), clock(lives["closed_at"])
    columns = lives["port"].tolist(), lives["protocol"].tolist()
    ended, marked = dict[int, np.datetime64](), dict[int, np.datetime64]()
    x, y = [], []
    for at, over, port, protocol in zip(opened, closed, *columns, strict=True):
        row = place[port, protocol]
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


def _colors(named: "pd.Series[str]") -> dict[str, str]:
    """The colour of each name: an exposure has its own, and programs in the order of how frequent
    they are, the last of them grey."""
    names = list(named.value_counts().index)
    found = {name: color for name, color in COLORS.items() if name in names}
    free = list(PALETTE)
    for name in names:
        if name not in found:
            # Chosen by name, so that a program mostly keeps its colour when the range changes.
            color = PALETTE[zlib.crc32(name.encode()) % len(PALETTE)]
            if name == SEVERAL or not free:
                color = OTHERS
            elif color not in free:
                color = free[0]
            found[name] = color
            if color in free:
                free.remove(color)
    return found


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
