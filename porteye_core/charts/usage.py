"""What a listener used over time: four charts above each other on one time axis."""

from typing import NamedTuple

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from porteye_core.charts.figure import PALETTE, Span, finished, whole_numbers


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
    """The lines of this listener; those of which nothing is known are left out."""
    shown = [line for line in _LINES if frame[line.column].notna().any()]
    figure = make_subplots(
        rows=len(shown), cols=1, shared_xaxes=True, vertical_spacing=0.09,
        subplot_titles=[line.title for line in shown],
    )  # fmt: skip
    figure.update_annotations(x=0, xanchor="left", font={"size": 13})
    finished(figure, gaps, span, "", height=_HEIGHT * len(shown) + 40, rows=len(shown))
    figure.update_yaxes(rangemode="tozero")
    for row, (line, colour) in enumerate(zip(shown, PALETTE, strict=False), start=1):
        values = frame[line.column] / (1 << 20) if line.column == "rss" else frame[line.column]
        figure.add_trace(
            go.Scatter(
                x=frame["at"],
                y=values.to_numpy(dtype="float64", na_value=float("nan")),
                mode="lines",
                line={"shape": "hv", "color": colour, "width": 2},
                name=line.title,
                hovertemplate=f"{line.hover}<br>%{{x}}<extra></extra>",
            ),
            row=row,
            col=1,
        )
        if line.column in {"clients", "queue"}:
            figure.update_yaxes(whole_numbers(int(values.max())), row=row, col=1)
    return figure.update_layout(showlegend=False, hovermode="x")
