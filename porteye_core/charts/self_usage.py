"""Charts of the monitor's own use: processor, memory, scan time and database."""

import pandas as pd
import plotly.graph_objects as go

from porteye_core.charts.figure import PALETTE, Span, Trace, pickable, titled

_HEIGHT = 210
_MEBIBYTE = 1 << 20
_HEADROOM = 1.1  # of the scale above the highest value


def processor(figures: pd.DataFrame, gaps: pd.DataFrame, span: Span) -> go.Figure:
    """Draw percent of one core: each bucket's average, and its peak as a dotted line.

    The start of a monitor takes a hundred times of what it takes later, and is left beyond the
    scale.
    """
    lines = _average_and_peak(figures, "cpu", "%{y:.2f} %")
    figure = _drawn(lines, gaps, span, "% of one core")
    later = figures["cpu_max"][~_follows_a_start(figures, gaps)].max()
    if later > 0:
        figure.update_yaxes(range=[0, later * _HEADROOM])
    return figure


def _follows_a_start(figures: pd.DataFrame, gaps: pd.DataFrame) -> "pd.Series[bool]":
    """True for the first measured bucket, and for the first one after each gap."""
    at = figures["at"].where(figures["cpu_max"].notna())
    starts = [at.min(), *(at[at >= end].min() for end in gaps["end"])]
    return at.isin([each for each in starts if pd.notna(each)])


def scan_times(figures: pd.DataFrame, gaps: pd.DataFrame, span: Span) -> go.Figure:
    """Draw the duration of a scan: each bucket's average, and its peak as a dotted line."""
    lines = _average_and_peak(figures, "scan", "%{y:.1f} ms")
    return _drawn(lines, gaps, span, "Milliseconds")


def memory(figures: pd.DataFrame, gaps: pd.DataFrame, span: Span) -> go.Figure:
    """Draw resident memory: each bucket's maximum."""
    line = _line(figures["at"], figures["rss"] / _MEBIBYTE, "peak", "%{y:.1f} MiB")
    return _drawn([line], gaps, span, "MiB")


def database(figures: pd.DataFrame, gaps: pd.DataFrame, span: Span) -> go.Figure:
    """Draw the size of the database with its WAL: each bucket's maximum."""
    line = _line(figures["at"], figures["size"] / _MEBIBYTE, "peak", "%{y:.1f} MiB")
    return _drawn([line], gaps, span, "MiB")


def _average_and_peak(figures: pd.DataFrame, name: str, value: str) -> list[Trace]:
    return [
        _line(figures["at"], figures[name], "average", value),
        _line(figures["at"], figures[f"{name}_max"], "peak", value, PALETTE[1], "dot"),
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
