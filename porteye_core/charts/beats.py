"""What the monitor itself used over time: processor, memory, looks and database."""

import pandas as pd
import plotly.graph_objects as go

from porteye_core.charts.figure import PALETTE, Span, finished

_HEIGHT = 210
_MEBIBYTE = 1 << 20


def processor(figures: pd.DataFrame, gaps: pd.DataFrame, span: Span) -> go.Figure:
    """Percent of one core: the mean of a bucket, and its most as a dotted line."""
    figure = _mean_and_most(figures, "cpu", "%{y:.2f} %")
    return _finished(figure, gaps, span, "% of one core")


def looks(figures: pd.DataFrame, gaps: pd.DataFrame, span: Span) -> go.Figure:
    """How long a look at the system took: the mean of a bucket, and its most as a dotted line."""
    figure = _mean_and_most(figures, "scan", "%{y:.1f} ms")
    return _finished(figure, gaps, span, "Milliseconds")


def memory(figures: pd.DataFrame, gaps: pd.DataFrame, span: Span) -> go.Figure:
    """Resident memory, the most of a bucket."""
    line = _line(figures["at"], figures["rss"] / _MEBIBYTE, "most", "%{y:.1f} MiB")
    return _finished(go.Figure(line), gaps, span, "MiB")


def database(figures: pd.DataFrame, gaps: pd.DataFrame, span: Span) -> go.Figure:
    """The database with its write-ahead log, the most of a bucket."""
    line = _line(figures["at"], figures["size"] / _MEBIBYTE, "most", "%{y:.1f} MiB")
    return _finished(go.Figure(line), gaps, span, "MiB")


def _mean_and_most(figures: pd.DataFrame, name: str, value: str) -> go.Figure:
    return go.Figure(
        [
            _line(figures["at"], figures[name], "mean", value),
            _line(figures["at"], figures[f"{name}_most"], "most", value, PALETTE[1], "dot"),
        ]
    )


def _line(
    at: "pd.Series[pd.Timestamp]",
    values: "pd.Series[float]",
    name: str,
    value: str,
    color: str = PALETTE[0],
    dash: str = "solid",
) -> go.Scatter:
    # A bucket between two empty ones is no line, but a point.
    alone = values.notna() & values.shift().isna() & values.shift(-1).isna()
    return go.Scatter(
        x=at,
        y=values,
        mode="lines+markers",
        connectgaps=False,
        line={"color": color, "width": 2, "dash": dash},
        marker={"size": [5 if each else 0 for each in alone], "color": color},
        name=name,
        hovertemplate=f"{name} {value}<br>%{{x}}<extra></extra>",
    )


def _finished(figure: go.Figure, gaps: pd.DataFrame, span: Span, y_title: str) -> go.Figure:
    return finished(figure, gaps, span, y_title, height=_HEIGHT)
