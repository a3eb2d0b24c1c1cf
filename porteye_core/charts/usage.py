"""Charts of one listener's use, above each other on one time axis."""

from typing import NamedTuple

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from porteye_core.charts.figure import PALETTE, Span, Trace, drawn, numbered, whole_numbers


class _Line(NamedTuple):
    column: str
    title: str
    hover: str


_LINES = (
    _Line("cpu", "CPU, % of a core", "%{y:.1f} % of a core"),
    _Line("rss", "Memory, MiB", "%{y:,.1f} MiB"),
    _Line("clients", "Clients", "%{y} clients"),
    _Line("queue", "Accept queue", "%{y} waiting"),
)
_HEIGHT = 130  # pixels of one chart


def usage(frame: pd.DataFrame, gaps: pd.DataFrame, span: Span) -> go.Figure:
    """Draw the lines of this listener that have any values."""
    shown = [line for line in _LINES if frame[line.column].notna().any()]
    plots = make_subplots(
        rows=len(shown), cols=1, shared_xaxes=True, vertical_spacing=0.09,
        subplot_titles=[line.title for line in shown],
    )  # fmt: skip
    plots.update_annotations(x=0, xanchor="left", font={"size": 13})
    layout = plots.layout.to_plotly_json()
    # Plotly adds its default template to every figure that it makes.
    del layout["template"]
    layout |= {"height": _HEIGHT * len(shown) + 40, "showlegend": False, "hovermode": "x"}
    lines = []
    for row, (line, colour) in enumerate(zip(shown, PALETTE, strict=False), start=1):
        values = frame[line.column] / (1 << 20) if line.column == "rss" else frame[line.column]
        axes = {"xaxis": numbered("x", row), "yaxis": numbered("y", row)}
        lines.append(_line(line, frame["at"], values, colour) | axes)
        if line.column in {"clients", "queue"}:
            layout[numbered("yaxis", row)] |= whole_numbers(int(values.max()))
    return drawn(lines, gaps, span, layout, rows=len(shown))


def _line(
    line: _Line, at: "pd.Series[pd.Timestamp]", values: "pd.Series[float]", colour: str
) -> Trace:
    return {
        "type": "scatter",
        "x": at,
        "y": values.to_numpy(dtype="float64", na_value=float("nan")),
        "mode": "lines",
        "line": {"shape": "hv", "color": colour, "width": 2},
        "name": line.title,
        "hovertemplate": f"{line.hover}<br>%{{x}}<extra></extra>",
    }
