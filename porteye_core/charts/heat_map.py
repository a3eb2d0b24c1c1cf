"""Heat map of events: ports by time."""

import math

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from porteye_core.charts.figure import (
    FRAME_HEIGHT,
    Span,
    heights,
    moments,
    pickable,
    row_axis,
    wall,
)

_ROW_HEIGHT = 20
_KEY_HEIGHT = 30
# One hue of growing density: visible on a light and on a dark page, and in the same order for
# colour-blind viewers.
_SCALE = ((0.0, "rgba(213, 94, 0, 0.35)"), (1.0, "rgba(213, 94, 0, 1)"))


def heat(
    cells: pd.DataFrame,
    rows: list[tuple[int, str]],
    edges: "pd.Series[pd.Timestamp]",
    gaps: pd.DataFrame,
    span: Span,
) -> go.Figure:
    """Draw openings and closings of each port per bucket; `cells`: the buckets that have events.

    The scale is logarithmic: a port that opens 1,000 times an hour would hide the others.
    """
    place = heights(rows)
    shape = (len(rows), len(edges) - 1)
    depth, said = np.full(shape, np.nan), np.full(shape, "", dtype=object)
    when = moments(edges, "s")
    highest = 1
    columns = (cells[name].tolist() for name in ("port", "protocol", "bucket", "opened", "closed"))
    for port, protocol, bucket, opened, closed in zip(*columns, strict=True):
        count = opened + closed
        if not count or (port, protocol) not in place:
            continue
        highest = max(highest, count)
        depth[place[port, protocol], bucket] = math.log10(count)
        said[place[port, protocol], bucket] = (
            f"Port {port}/{protocol}: {opened:,} opened, {closed:,} closed<br>"
            f"{when[bucket]}<br>to {when[bucket + 1]}"
        )
    cells_drawn = {
        "type": "heatmap",
        "x": wall(edges),
        "y": list(range(len(rows))),
        "z": depth,
        "zmin": 0,
        "zmax": math.log10(max(highest, 2)),
        "customdata": said,
        "colorscale": _SCALE,
        "colorbar": _key(highest),
        "hoverongaps": False,
        "ygap": 2,
        "hovertemplate": "%{customdata}<extra></extra>",
    }
    height = FRAME_HEIGHT + _KEY_HEIGHT + _ROW_HEIGHT * len(rows)
    return pickable([cells_drawn], gaps, span, {"height": height, "yaxis": row_axis(rows)})


def _key(highest: int) -> dict[str, object]:
    """Colour scale above the plot, where it takes no width from the time axis."""
    counts = sorted({*(10**power for power in range(int(math.log10(highest)) + 1)), highest})
    shown = [count for count in counts if count == highest or count * 2 <= highest]
    return {
        "orientation": "h",
        "x": 1,
        "xanchor": "right",
        "y": 1.0,
        "yanchor": "bottom",
        "len": 0.35,
        "thickness": 10,
        "tickvals": [math.log10(count) for count in shown],
        "ticktext": ["1 event", *(f"{count:,}" for count in shown[1:])],
    }
