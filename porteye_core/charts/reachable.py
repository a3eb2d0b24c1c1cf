"""The attack surface over time: a line of how many listeners were reachable, with its steps."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from porteye_core.charts.figure import (
    REACHABLE_COLOR,
    Span,
    Trace,
    clickable,
    drawn,
    moments,
    text,
    titled,
    wall,
    whole_numbers,
)

_HEIGHT = 190
_MAX_POINTS = 400  # of more the points would hide the line
_MAX_NAMES = 6  # of one moment


def reachable(
    counts: pd.DataFrame,
    names: Sequence[Sequence[str]],
    ids: Sequence[str],
    gaps: pd.DataFrame,
    span: Span,
    left: int,
) -> go.Figure:
    """Draw `counts`, each from its time on; names: what came or went at that time; ids: what a
    click there means."""
    said = [
        "<br>".join([*map(text, each[:_MAX_NAMES]), *_more(len(each) - _MAX_NAMES)])
        for each in names
    ]
    hovers = [
        f"{step}<br>{count:,} reachable<br>{when}".removeprefix("<br>")
        for step, count, when in zip(
            said, counts["count"].tolist(), moments(counts["at"], "s"), strict=True
        )
    ]
    is_stepped = [bool(each) for each in names]
    line: Trace = {
        "type": "scatter",
        "x": wall(counts["at"]),
        "y": counts["count"].tolist(),
        "mode": "lines+markers",
        "line": {"shape": "hv", "color": REACHABLE_COLOR, "width": 2},
        "marker": {
            "size": [7 if step and len(names) <= _MAX_POINTS else 0 for step in is_stepped],
            "color": REACHABLE_COLOR,
        },
        "unselected": {"marker": {"opacity": 1}},
        "name": "reachable from the network",
        "ids": list(ids),
        "customdata": hovers,
        "hovertemplate": "%{customdata}<extra></extra>",
        "showlegend": False,
    }
    fixed = {"fixedrange": True}
    axis = titled("Reachable") | whole_numbers(int(counts["count"].max())) | fixed
    layout = {
        "height": _HEIGHT,
        "margin": {"l": left, "r": 8, "t": 12, "b": 30},
        "showlegend": False,
        # The hand need not find a point: the step nearest in time is told.
        "hovermode": "x",
        "xaxis": fixed,
        "yaxis": axis,
    }
    return drawn([line], gaps, span, clickable(layout))


def _more(count: int) -> list[str]:
    return [f"and {count:,} more"] if count > 0 else []
