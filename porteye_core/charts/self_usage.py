"""Charts of the monitor's own use: processor, memory, scan time and database."""

import pandas as pd
import plotly.graph_objects as go

from porteye_core.charts.figure import PALETTE, Span, Trace, pickable, titled

_HEIGHT = 210
_MEBIBYTE = 1 << 20


def processor(figures: pd.DataFrame, gaps: pd.DataFrame, span: Span) -> go.Figure:
    """Draw percent of one core: each bucket's mean, and its maximum as a dotted line."""
    lines = _mean_and_max(figures, "cpu", "%{y:.2f} %")
    return _drawn(lines, gaps, span, "% of one core")


def scan_times(figures: pd.DataFrame, gaps: pd.DataFrame, span: Span) -> go.Figure:
    """Draw the duration of a scan: each bucket's mean, and its maximum as a dotted line."""
    lines = _mean_and_max(figures, "scan", "%{y:.1f} ms")
    return _drawn(lines, gaps, span, "Milliseconds")


def memory(figures: pd.DataFrame, gaps: pd.DataFrame, span: Span) -> go.Figure:
    """Draw resident memory: each bucket's maximum."""
    line = _line(figures["at"], figures["rss"] / _MEBIBYTE, "max", "%{y:.1f} MiB")
    return _drawn([line], gaps, span, "MiB")


def database(figures: pd.DataFrame, gaps: pd.DataFrame, span: Span) -> go.Figure:
    """Draw the size of the database with its WAL: each bucket's maximum."""
    line = _line(figures["at"], figures["size"] / _MEBIBYTE, "max", "%{y:.1f} MiB")
    return _drawn([line], gaps, span, "MiB")


def _mean_and_max(figures: pd.DataFrame, name: str, value: str) -> list[Trace]:
    return [
        _line(figures["at"], figures[name], "mean", value),
        _line(figures["at"], figures[f"{name}_max"], "max", value, PALETTE[1], "dot"),
    ]


def _line(
    at: "pd.Series[pd.Timestamp]",
    values: "pd.Series[float]",
    name: str,
    value: str,
    color: str = PALETTE[0],
    dash: str = "solid",
) -> Trace:
    # A bucket between two empty ones has no line: draw a point.
    alone = values.notna() & values.shift().isna() & values.shift(-1).isna()
    return {
        "type": "scatter",
        "x": at,
        "y": values,
        "mode": "lines+markers",
        "connectgaps": False,
        "line": {"color": color, "width": 2, "dash": dash},
        "marker": {"size": [5 if each else 0 for each in alone], "color": color},
        "name": name,
        "hovertemplate": f"{name} {value}<br>%{{x}}<extra></extra>",
    }


def _drawn(lines: list[Trace], gaps: pd.DataFrame, span: Span, title: str) -> go.Figure:
    return pickable(lines, gaps, span, {"height": _HEIGHT, "yaxis": titled(title)})
