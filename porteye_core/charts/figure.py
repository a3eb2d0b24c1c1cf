"""What every figure shares: colours, frame, axes, and what is drawn where nobody watched."""

import pandas as pd
import plotly.graph_objects as go

# Okabe and Ito's palette, which colour-blind readers tell apart; the darker half of it stands on
# light and dark alike.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A7C00", "#7B61C4")
OTHERS = "#8A8F98"
OPENED, CLOSED = "#009E73", "#D55E00"
_UNWATCHED = "rgba(128, 128, 128, 0.35)"

Span = tuple[pd.Timestamp, pd.Timestamp]  # the range that every chart of a page shows
FRAME_HEIGHT = 130  # pixels around the rows or the plot of a figure
_LEFT = 76  # pixels: charts that stand below each other share one time axis


def text(value: object) -> str:
    """A name as Plotly shows it literally: it reads a subset of HTML in labels and legends."""
    return str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def whole_numbers(highest: int) -> dict[str, object]:
    """An axis of counts has no half ones between few whole ones."""
    return {"dtick": 1} if highest < 6 else {"tickformat": ",d"}


def finished(
    figure: go.Figure, gaps: pd.DataFrame, span: Span, y_title: str, height: int
) -> go.Figure:
    """The figure over this range, with the gaps of the watch drawn across it."""
    for start, end in zip(gaps["start"], gaps["end"], strict=True):
        # Above the bars: a life that goes on under it was not watched there.
        figure.add_vrect(
            x0=start, x1=end, fillcolor=_UNWATCHED, line_width=0, layer="above", name="not watched"
        )
    figure.update_layout(
        height=height,
        margin={"l": _LEFT, "r": 8, "t": 24, "b": 8},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        showlegend=True,
        hoverlabel={"align": "left"},
    )
    figure.update_xaxes(type="date", range=list(span))
    figure.update_yaxes(title_text=y_title, automargin=False, rangemode="tozero")
    return figure
