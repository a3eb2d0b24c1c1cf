"""A bar for each life of a listener."""

import zlib
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from porteye_core.charts.figure import (
    FRAME_HEIGHT,
    OTHERS,
    PALETTE,
    Span,
    Trace,
    drawn,
    heights,
    row_axis,
    text,
    wall,
)
from porteye_core.charts.stories import several, stories

_ROW_HEIGHT, _BAR, _FEWEST_ROWS = 22, 14, 4  # pixels, pixels, rows
_LONGEST_NAME = 40
SEVERAL = "several programs"
_NARROWEST_EDGE = 1 / 2000  # of the range: narrower than a pixel, a soft edge is none
_UNBOUNDED_EDGE = 1 / 50  # where nobody knows how far back it reaches


def timeline(
    lives: pd.DataFrame,
    merged: pd.DataFrame,
    rows: list[tuple[int, str]],
    gaps: pd.DataFrame,
    span: Span,
) -> go.Figure:
    """A line for each port, with a bar for each life or, of `merged`, for each stretch in which
    any was open, coloured by program. Where an edge is not exact, a paler part shows the time in
    which it lies.
    """
    drawn_rows = max(_FEWEST_ROWS, len(rows))
    # In rows, which are taller where few.
    thickness = _BAR / _ROW_HEIGHT * len(rows) / drawn_rows
    place = heights(rows)
    colors = _colors(pd.concat([lives["process"], merged["process"]]).astype("str"))
    for part, story in ((lives, stories(lives)), (merged, several(merged))):
        pairs = zip(part["port"].tolist(), part["protocol"].tolist(), strict=True)
        part["row"], part["story"] = [place[pair] for pair in pairs], story
        part["legend"] = [colors[name][0] for name in part["process"].tolist()]
    known = lives["closed_from"].fillna(lives["closed_at"])
    layers = (
        (_bars(_within(lives["opened_at"], known, lives, span)), _sharp),
        (_bars(_soft_edges(lives, span)), _soft),
        (_bars(_within(merged["start"], merged["end"], merged, span)), _striped),
    )
    traces = []
    for name, color in dict.fromkeys(colors.values()):
        shown = True
        for bars, look in layers:
            if name in bars:
                traces.append(
                    bars[name] | _named(name, shown=shown) | look(color) | {"width": thickness}
                )
                shown = False
    height = FRAME_HEIGHT + _ROW_HEIGHT * drawn_rows
    layout = {"height": height, "barmode": "overlay", "yaxis": row_axis(rows)}
    return drawn(traces, gaps, span, layout)


def _sharp(color: str) -> Trace:
    # A life shorter than a pixel keeps its outline.
    return {"marker": {"color": color, "line": {"color": color, "width": 2}}}


def _soft(color: str) -> Trace:
    return {"marker": {"color": color, "opacity": 0.4, "line": {"width": 0}}}


def _striped(color: str) -> Trace:
    # Along the bar: across it they would look like many short lives.
    stripes = {"shape": "-", "size": 4, "solidity": 0.4, "fillmode": "replace"}
    return {"marker": {"color": color, "pattern": stripes, "line": {"color": color, "width": 1}}}


def _soft_edges(lives: pd.DataFrame, span: Span) -> pd.DataFrame:
    unbounded = (span[1] - span[0]) * _UNBOUNDED_EDGE
    opened_from = lives["opened_from"].fillna(lives["opened_at"] - unbounded)
    closed = lives[lives["closed_at"].notna() & lives["closed_from"].notna()]
    since = closed["closed_from"].where(lambda at: at > closed["opened_at"], closed["opened_at"])
    both = pd.concat(
        [
            _within(opened_from, lives["opened_at"], lives, span),
            _within(since, closed["closed_at"], closed, span),
        ]
    )
    return both[both["end"] - both["start"] > (span[1] - span[0]) * _NARROWEST_EDGE]


def _within(
    start: "pd.Series[Any]", end: "pd.Series[Any]", bars: pd.DataFrame, span: Span
) -> pd.DataFrame:
    """Bars from start to end, cut to the range; one without an end reaches to the range's."""
    begin, finish = _cut(start, span), _cut(end.fillna(span[1]), span)
    return bars.assign(start=begin, end=finish.where(finish > begin, begin))


def _cut(times: "pd.Series[Any]", span: Span) -> "pd.Series[Any]":
    begun = times.where(times > span[0], span[0])
    return begun.where(begun < span[1], span[1])


def _bars(bars: pd.DataFrame) -> dict[str, Trace]:
    """Where the bars of each name in the legend are, and what they say."""
    columns: dict[str, list[Any]] = {
        "base": wall(bars["start"]),
        # Plotly measures lengths on a time axis in milliseconds.
        "x": ((bars["end"] - bars["start"]).dt.total_seconds() * 1000).tolist(),
        "y": bars["row"].tolist(),
        "customdata": bars["story"].tolist(),
    }
    found: dict[str, Trace] = {}
    for name, *values in zip(bars["legend"].tolist(), *columns.values(), strict=True):
        own = found.setdefault(name, {column: [] for column in columns})
        for column, value in zip(columns, values, strict=True):
            own[column].append(value)
    return found


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
    """For each program its name in the legend and its colour: the most frequent have one each, the
    others share grey and one name."""
    names = [name for name in named.value_counts().index if name != SEVERAL]
    free, found = list(PALETTE), {}
    for name in names[: len(PALETTE)]:
        # By its name, so that it mostly keeps its colour when the range changes.
        color = PALETTE[zlib.crc32(name.encode()) % len(PALETTE)]
        free.remove(color := color if color in free else free[0])
        found[name] = _legend(name), color
    others = names[len(PALETTE) :]
    found |= dict.fromkeys(others, (f"{len(others)} more", OTHERS))
    return found | {SEVERAL: (SEVERAL, OTHERS)}


def _legend(name: str) -> str:
    cut = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    return text(cut) or "unknown"
