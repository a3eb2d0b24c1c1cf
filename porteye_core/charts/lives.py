"""Timeline chart: a bar for each life of a listener."""

import zlib

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from porteye_core.charts import bars
from porteye_core.charts.figure import (
    FRAME_HEIGHT,
    OTHERS,
    PALETTE,
    Span,
    Trace,
    clock_texts,
    heights,
    pickable,
    row_axis,
    text,
)
from porteye_core.charts.stories import several, stories

_ROW_HEIGHT, _BAR, _FEWEST_ROWS = 22, 14, 4  # pixels, pixels, rows
_LONGEST_NAME = 40
SEVERAL = "several programs"
_Label = tuple[str, int, str]  # legend name, height and hover text of a row


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
        (_by_name(bars.sharp(lives, span), alone), _sharp),
        (_by_name(bars.soft(lives, span), alone), _soft),
        (
            _by_name(bars.whole(merged, span), _labels(merged, place, colors, several(merged))),
            _striped,
        ),
    )
    traces = []
    for name, color in dict.fromkeys(colors.values()):
        shown = True
        for part, look in layers:
            if name in part:
                traces.append(
                    part[name] | _named(name, shown=shown) | look(color) | {"width": thickness}
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


def _by_name(found: bars.Bars, labels: list[_Label]) -> dict[str, Trace]:
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
