"""The figure of a timeline: a band of openings and closings above rows of lives and counts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from porteye_core.charts import lives as life_bars
from porteye_core.charts.figure import (
    CLOSED,
    OPENED,
    OTHERS,
    Instants,
    Span,
    Trace,
    both_ways,
    bounds,
    clickable,
    clock,
    clock_texts,
    drawn,
    micros,
    moments,
    text,
    wall,
)
from porteye_core.charts.lives import ROW, WIDTH

# Pixels: the legend, the band, between band and rows, and the times below.
_LEGEND, _BAND, _BETWEEN, _TIMES = 26, 96, 14, 36
LEFT, LEFT_ON_A_PHONE = 190, 112  # pixels of the rows' labels
_LETTER = 5.8  # pixels, of names at 12 pixels with a few to spare
_FEWEST_ROWS = 4
_CLICKS = 480  # places across the plot at which a click finds its moment: two pixels each
_FAR = 1e6  # rows: see `_moments`
_COUNTS = ("opened", "closed", "already", "open")
_NOTES = 3  # labels in the band; of more, those with the highest counts


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
    heights = heights_of(lines)
    height = _LEGEND + _BAND + _BETWEEN + ROW * count + _TIMES
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
        | {"anchor": "x", "domain": [0, ROW * count / plot]},
    }
    traces = [
        *_moments(band, span, bucket),
        *_band(band, span),
        *life_bars.bars(lives, merged, heights, span),
        *cells(lines, span, [count - 1 - row for row in range(len(lines))]),
        life_bars.restarts(lives, heights, span),
    ]
    return drawn(traces, gaps, span, clickable(layout), rows=2, is_shared=True)


def heights_of(lines: Sequence[Line]) -> dict[tuple[int, str] | None, int]:
    """The height of each line's place on the axis of the rows."""
    count = max(_FEWEST_ROWS, len(lines))
    return {line.place: count - 1 - row for row, line in enumerate(lines)}


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
    first, last = bounds(span)
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
    times = clock_texts(here, "s")
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
    counts = _counts(band, middles, bucket)
    both = [f"{time}<br>{count}" for time, count in zip(times, counts, strict=True)]
    return [
        {**bars, "yaxis": "y", "base": -_FAR / 1e3, "customdata": both},
        {**bars, "yaxis": "y2", "base": -0.5, "customdata": times},
    ]


def _counts(band: pd.DataFrame, at: npt.NDArray[np.int64], bucket: str) -> list[str]:
    place = np.searchsorted(micros(band["at"]), at, side="right") - 1
    hovers = []
    for opened, closed, already, held in band[list(_COUNTS)].itertuples(index=False):
        there = f", {already:,} already there" if already else ""
        counts = f"{opened:,} opened, {closed:,} closed{there}"
        hovers.append(f"{counts}<br>in this {bucket}, {held:,} open at its end")
    return [hovers[row] for row in place.clip(min=0).tolist()]


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
    texts: list[str]
    micros: list[int]

    @staticmethod
    def of(edges: "pd.Series[pd.Timestamp]", span: Span) -> "_Edges":
        """The same of a column."""
        return _Edges(np.clip(clock(edges), *bounds(span)), moments(edges, "s"), micros(edges))


def _cells(line: Line, counts: npt.NDArray[np.int64], height: int, edges: _Edges) -> Trace:
    (held,) = np.nonzero(counts)
    name = text(line.name)
    starts = edges.within[held]
    depth = np.sqrt(counts[held] / max(1, int(counts.max())))
    return {
        "type": "bar",
        "orientation": "h",
        "yaxis": "y2",
        "width": WIDTH,
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
            f"{name}: {count:,} {line.what}<br>{edges.texts[at]}<br>to {edges.texts[at + 1]}"
            for at, count in zip(held.tolist(), counts[held].tolist(), strict=True)
        ],
        "hovertemplate": "%{customdata}<extra></extra>",
        "showlegend": False,
    }


def _rgb(color: str) -> str:
    return ", ".join(str(int(color[at : at + 2], 16)) for at in (1, 3, 5))
