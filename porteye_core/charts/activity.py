"""How many listeners were open over time, and what opened and closed."""

import pandas as pd
import plotly.graph_objects as go

from porteye_core.charts.figure import CLOSED, OPENED, PALETTE, Span, finished, whole_numbers


def open_listeners(turnover: pd.DataFrame, gaps: pd.DataFrame, span: Span) -> go.Figure:
    """How many listeners were open over time, as steps: each bucket's count stands at its end."""
    figure = go.Figure(
        go.Scatter(
            x=turnover["end"].where(lambda end: end < span[1], span[1]),
            y=turnover["open"],
            mode="lines",
            line={"shape": "hv", "color": PALETTE[0], "width": 2},
            fill="tozeroy",
            fillcolor="rgba(0, 114, 178, 0.15)",
            name="open",
            hovertemplate="%{y} open<br>%{x}<extra></extra>",
        )
    )
    figure.update_yaxes(**whole_numbers(turnover["open"].max()))
    return finished(figure, gaps, span, "Listeners open", height=280)


def turnover(buckets: pd.DataFrame, gaps: pd.DataFrame, span: Span, bucket: str) -> go.Figure:
    """Opens above and closes below the line, per bucket; `bucket` says how long one is."""
    # Plotly measures lengths on a time axis in milliseconds, and centres bars unless told.
    width = (buckets["end"] - buckets["at"]).dt.total_seconds() * 1000
    within = {"x": buckets["at"], "width": width, "offset": 0}
    figure = go.Figure(
        [
            go.Bar(
                **within,
                y=buckets["opened"],
                name="opened",
                marker={"color": OPENED},
                hovertemplate="%{y} opened<br>%{x}<extra></extra>",
            ),
            go.Bar(
                **within,
                y=-buckets["closed"],
                customdata=buckets["closed"],
                name="closed",
                marker={"color": CLOSED, "pattern": {"shape": "/"}},
                hovertemplate="%{customdata} closed<br>%{x}<extra></extra>",
            ),
        ]
    )
    figure.update_layout(barmode="relative", bargap=0.1)
    figure.update_yaxes(**whole_numbers(buckets[["opened", "closed"]].max().max()))
    return finished(figure, gaps, span, f"Events per {bucket}", height=280)
