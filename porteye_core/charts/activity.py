"""Charts of open listeners and of openings and closings over time."""

import pandas as pd
import plotly.graph_objects as go

from porteye_core.charts.figure import (
    CLOSED,
    OPENED,
    PALETTE,
    Span,
    moments,
    pickable,
    titled,
    wall,
    whole_numbers,
)

_HEIGHT = 240
_STRIPES = {"shape": "\\", "size": 4, "solidity": 0.6}


def open_listeners(turnover: pd.DataFrame, gaps: pd.DataFrame, span: Span) -> go.Figure:
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
    axis = titled("Listeners open") | whole_numbers(turnover["open"].max())
    return pickable([line], gaps, span, {"height": _HEIGHT, "yaxis": axis})


def turnover(buckets: pd.DataFrame, gaps: pd.DataFrame, span: Span, bucket: str) -> go.Figure:
    """Draw openings above and closings below the line; `bucket`: the length of one in words."""
    # Plotly measures lengths on a time axis in milliseconds, and centres bars unless told.
    width = ((buckets["end"] - buckets["at"]).dt.total_seconds() * 1000).tolist()
    within = {"type": "bar", "x": wall(buckets["at"]), "width": width, "offset": 0}
    when = [
        f"{begin}<br>to {end}"
        for begin, end in zip(
            moments(buckets["at"], "s"), moments(buckets["end"], "s"), strict=True
        )
    ]
    opened, closed = buckets["opened"].tolist(), buckets["closed"].tolist()
    above = {
        **within,
        "y": opened,
        "customdata": when,
        "name": "opened",
        "marker": {"color": OPENED},
        "hovertemplate": "%{y} opened<br>%{customdata}<extra></extra>",
    }
    below = {
        **within,
        "y": [-count for count in closed],
        "customdata": [
            f"{count} closed<br>{time}" for count, time in zip(closed, when, strict=True)
        ],
        "name": "closed",
        "marker": {"color": CLOSED, "pattern": _STRIPES},
        "hovertemplate": "%{customdata}<extra></extra>",
    }
    axis = titled(f"Events per {bucket}") | _both_ways(max(opened + closed))
    layout = {"height": _HEIGHT, "barmode": "relative", "bargap": 0.1, "yaxis": axis}
    return pickable([above, below], gaps, span, layout)


def _both_ways(highest: int) -> dict[str, object]:
    """Counts that grow upwards and downwards, none of them negative."""
    steps = (digit * 10**power for power in range(12) for digit in (1, 2, 5))
    step = next(step for step in steps if step * 3 >= highest)
    ticks = range(-3 * step, 3 * step + 1, step)
    return {"tickvals": list(ticks), "ticktext": [f"{abs(tick):,}" for tick in ticks]}
