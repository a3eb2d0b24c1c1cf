"""Chart of openings and closings over all hosts of a fleet, by the hour or by the day."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from porteye_core.charts.figure import (
    CLOSED,
    OPENED,
    Span,
    Trace,
    both_ways,
    clickable,
    drawn,
    moments,
    titled,
    wall,
)

_HEIGHT = 300
_NO_GAPS = pd.DataFrame({"start": [], "end": []})


def by_bucket(counts: pd.DataFrame, length: pd.Timedelta, span: Span) -> go.Figure:
    """Draw a bar upwards for the openings of each bucket, and one downwards for its closings.

    counts: at, the beginning of the bucket, opened and closed. length: of a bucket. The id of a bar
    is the beginning of its bucket in microseconds.
    """
    highest = max(1, int(counts[["opened", "closed"]].to_numpy().max(initial=0)))
    layout = {
        "height": _HEIGHT,
        "margin": {"l": 64, "r": 8, "t": 28, "b": 30},
        "barmode": "relative",
        "bargap": 0.12,
        "xaxis": {"fixedrange": True},
        "yaxis": titled("Events") | both_ways(highest) | {"fixedrange": True},
    }
    at = counts["at"]
    ids = [
        str(each) for each in at.dt.tz_convert("UTC").astype("datetime64[us, UTC]").astype("int64")
    ]
    middle = wall(at + length / 2)
    width = length.total_seconds() * 1000
    traces = [
        _bars(counts["opened"].tolist(), 1, "opened", OPENED),
        _bars(counts["closed"].tolist(), -1, "closed", CLOSED),
    ]
    common: Trace = {"x": middle, "width": width, "ids": ids}
    hovers = moments(at, "s")
    return drawn(
        [each | common | {"customdata": _hovers(each, hovers)} for each in traces],
        _NO_GAPS,
        span,
        clickable(layout, picks=False),
    )


def _bars(numbers: Sequence[int], sign: int, name: str, color: str) -> Trace:
    return {
        "type": "bar",
        "y": [sign * each for each in numbers],
        "name": name,
        "marker": {"color": color},
        "unselected": {"marker": {"opacity": 1}},
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _hovers(bars: Trace, when: Sequence[str]) -> list[str]:
    return [
        f"{abs(y):,} {bars['name']}<br>from {at}" for y, at in zip(bars["y"], when, strict=True)
    ]
