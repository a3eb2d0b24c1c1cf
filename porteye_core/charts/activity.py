"""Charts of how many listeners were open over time, and of the events of each port."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from porteye_core.charts.figure import (
    PALETTE,
    Span,
    clickable,
    drawn,
    moments,
    pickable,
    titled,
    wall,
    whole_numbers,
)
from porteye_core.charts.timeline import Line, cells, row_axis

_HEIGHT = 190
_ROW, _FRAME = 21, 54  # pixels: of a row, and around the rows


def open_listeners(turnover: pd.DataFrame, gaps: pd.DataFrame, span: Span, left: int) -> go.Figure:
    """Draw the number of open listeners as steps; each bucket's count stands at its end."""
    at = turnover["end"].where(lambda end: end < span[1], span[1])
    line = {
        "type": "scatter",
        "x": wall(at),
        "y": turnover["open"].tolist(),
        "mode": "lines",
        "line": {"shape": "hv", "color": PALETTE[0], "width": 2},
        "fill": "tozeroy",
        "fillcolor": "rgba(0, 114, 178, 0.15)",
        "name": "open",
        "customdata": moments(at, "s"),
        "hovertemplate": "%{y} open<br>%{customdata}<extra></extra>",
    }
    axis = titled("Listeners") | whole_numbers(turnover["open"].max())
    layout = {"height": _HEIGHT, "margin": {"l": left, "r": 8, "t": 24, "b": 30}, "yaxis": axis}
    return pickable([line], gaps, span, layout)


def by_port(lines: Sequence[Line], gaps: pd.DataFrame, span: Span, left: int) -> go.Figure:
    """Draw a row of cells for each port, the darker the more events."""
    layout = {
        "height": _FRAME + _ROW * len(lines),
        "margin": {"l": left, "r": 8, "t": 24, "b": 30},
        "barmode": "overlay",
        "xaxis": {"fixedrange": True},
        "yaxis": row_axis([line.label for line in lines], left),
    }
    rows = cells(lines, span, list(reversed(range(len(lines)))))
    traces = [row | {"yaxis": "y"} for row in rows]
    return drawn(traces, gaps, span, clickable(layout))
