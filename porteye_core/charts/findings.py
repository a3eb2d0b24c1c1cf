"""Marks of findings on a timeline: small diamonds where what should not be so began."""

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go

from porteye_core.charts.figure import Span, Trace, moments, text, wall

# Okabe and Ito's reddish purple: no bar has it, and both pages show it.
COLOR = "#CC79A7"
_LOW = 0.85  # of the band's lower half: below most of its bars


def with_findings(
    figure: go.Figure,
    findings: pd.DataFrame,
    heights: Mapping[tuple[int, str] | None, int],
    span: Span,
) -> go.Figure:
    """The figure with a mark for each finding that began in its range: on the row of its port, or
    in the band if it has none; left out if its port has no row.

    findings: at, port, protocol, listener, and what in words; no port is None.
    """
    first, last = span
    began = findings[(findings["at"] >= first) & (findings["at"] <= last)]
    places = zip(began["port"].tolist(), began["protocol"].tolist(), strict=True)
    rows = pd.Series(
        [
            None if pd.isna(port) else heights.get((int(port), protocol))
            for port, protocol in places
        ],
        index=began.index,
        dtype="Int64",
    )
    is_watch = began["port"].isna()
    lowest = float(figure.layout.yaxis.range[0]) * _LOW
    traces = [
        _marks(began[rows.notna()], rows.dropna().astype(float).tolist(), "y2"),
        _marks(began[is_watch], [lowest] * int(is_watch.sum()), "y"),
    ]
    drawn = [each for each in traces if each["x"]]
    if not drawn:
        return figure
    for each in drawn[1:]:
        each["showlegend"] = False
    layout = figure.layout.to_plotly_json()
    return go.Figure([*figure.data, *drawn], layout, _validate=False)


def _marks(findings: pd.DataFrame, heights: list[float], axis: str) -> Trace:
    words = zip(findings["what"].tolist(), moments(findings["at"], "s"), strict=True)
    return {
        "type": "scatter",
        "mode": "markers",
        "xaxis": "x",
        "yaxis": axis,
        "x": wall(findings["at"]),
        "y": heights,
        "marker": {
            "symbol": "diamond",
            "size": 9,
            "color": COLOR,
            "line": {"width": 1, "color": "#FFFFFF"},
        },
        "unselected": {"marker": {"opacity": 1}},
        "ids": [
            f"moment {at}" if pd.isna(listener) else f"listener {int(listener)} #finding"
            for listener, at in zip(
                findings["listener"].tolist(),
                (findings["at"].astype("int64")).tolist(),
                strict=True,
            )
        ],
        "customdata": [f"{text(what)}<br>{at}" for what, at in words],
        "hovertemplate": "%{customdata}<extra></extra>",
        "name": "not as expected",
        "cliponaxis": False,
    }
