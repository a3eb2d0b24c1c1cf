"""Parts that all figures share: colours, frame, axes, and the hatching of gaps."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

# Okabe and Ito's palette, which colour-blind viewers can tell apart; its darker half is visible on
# a light and on a dark page.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A7C00", "#7B61C4")
OTHERS = "#8A8F98"
OPENED, CLOSED = "#0072B2", "#94A3B8"
REACHABLE_COLOR = "#D55E00"
NOT_WATCHED = "not watched"
CURSOR = "#0068A8"  # the page's accent; white on it has a contrast of 5.9

Trace = dict[str, Any]  # a part of a figure as Plotly's own reference names it
Instants = npt.NDArray[np.datetime64]
Span = tuple[pd.Timestamp, pd.Timestamp]  # the range that every chart of a page shows
_LEFT = 76  # pixels: charts that stand below each other share one time axis
_NARROWEST_GAP = 1 / 400  # of the range: three pixels, so that a minute shows in a day
_MICROS = np.dtype("datetime64[us]")
_ACROSS = {"range": [0, 1], "visible": False, "fixedrange": True}
_LAYOUT: Trace = {
    "margin": {"l": _LEFT, "r": 8, "t": 24, "b": 8},
    "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    "showlegend": True,
    "hoverlabel": {"align": "left"},
    "hovermode": "closest",
}
_UNWATCHED: Trace = {
    "fillcolor": "rgba(128, 128, 128, 0.25)",
    # Plotly's default of 8 draws no line in a gap of a few pixels.
    "fillpattern": {
        "shape": "/",
        "size": 5,
        "solidity": 0.35,
        "fgcolor": "rgba(128, 128, 128, 1)",
        "bgcolor": "rgba(128, 128, 128, 0.25)",
    },
}


def text(value: object) -> str:
    """A name as Plotly shows it literally: it reads a subset of HTML in labels and legends."""
    return str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clock(times: "pd.Series[Any]") -> Instants:
    """Times on the viewer's clock, without a zone; NaT where there is none."""
    shown: Instants = times.dt.tz_localize(None).to_numpy(_MICROS)
    return shown


def clock_texts(at: Instants, unit: Literal["s", "ms", "us"] = "us") -> list[str]:
    """Times on the clock as text."""
    # numpy formats 1,000 times in the time that strftime takes for 30.
    return [each.replace("T", " ") for each in np.datetime_as_string(at, unit=unit).tolist()]


def micros(times: "pd.Series[Any]") -> list[int]:
    """Times in microseconds since the epoch."""
    there = times.dt.tz_convert("UTC").astype("datetime64[us, UTC]")
    numbers: list[int] = there.astype("int64").tolist()
    return numbers


def bounds(span: Span) -> tuple[np.datetime64, np.datetime64]:
    """Both ends of the range on the viewer's clock."""
    first, last = (edge.tz_localize(None).to_datetime64() for edge in span)
    return first, max(first, last)  # after a clock was set back the end may be earlier


def wall(times: "pd.Series[Any]") -> list[str]:
    """Times on the viewer's clock as text, ready for Plotly, which knows no zones.

    Text is faster: Plotly takes 0.3 ms to inspect a column of times.
    """
    return clock_texts(clock(times), "us")


def moments(times: "pd.Series[Any]", unit: Literal["s", "ms"] = "ms") -> list[str]:
    """Times on the viewer's clock with UTC beside them; to the second or the millisecond."""
    here = clock_texts(clock(times), unit)
    if str(times.dt.tz) == "UTC":
        return [f"{each} UTC" for each in here]
    there = clock_texts(clock(times.dt.tz_convert("UTC")), unit)
    return [
        f"{each} ({utc[len('2026-01-01 ') :] if each[:10] == utc[:10] else utc} UTC)"
        for each, utc in zip(here, there, strict=True)
    ]


def whole_numbers(highest: int) -> dict[str, object]:
    """Axis of counts, without fractions between small numbers."""
    return {"dtick": 1} if highest < 6 else {"tickformat": ",d"}


def both_ways(highest: int) -> Trace:
    """Counts that grow upwards and downwards, none of them negative."""
    steps = (digit * 10**power for power in range(12) for digit in (1, 2, 5))
    step = next(step for step in steps if step * 3 >= highest)
    ticks = range(-3 * step, 3 * step + 1, step)
    return {"tickvals": list(ticks), "ticktext": [f"{abs(tick):,}" for tick in ticks]}


def drawn(
    traces: Sequence[Trace],
    gaps: pd.DataFrame,
    span: Span,
    layout: Trace,
    rows: int = 1,
    *,
    is_shared: bool = False,
) -> go.Figure:
    """Figure of these traces over this range, with gaps hatched across each row of plots, which
    have an axis of time each, or share the first one.

    Plotly gets everything at once, as dictionaries: it copies its own objects and validates the
    whole layout at every update, which took two thirds of the time of a figure.
    """
    start, end = (edge.tz_localize(None) for edge in span)
    whole = {**_LAYOUT, **layout}
    hatching = _hatching(gaps, span) if len(gaps) else None
    hatched = []
    for row in range(1, rows + 1):
        over = f"yaxis{rows + row}"
        column = 1 if is_shared else row
        across, upright = numbered("xaxis", column), numbered("yaxis", row)
        whole[across] = {"type": "date", "range": [start, end], **layout.get(across, {})}
        whole[upright] = {"automargin": False, "rangemode": "tozero", **layout.get(upright, {})}
        whole[over] = {"overlaying": numbered("y", row), **_ACROSS}
        if hatching:
            axes = {"xaxis": numbered("x", column), "yaxis": over.replace("axis", "")}
            hatched.append(hatching | axes | {"showlegend": row == 1})
    # Not validated: see `clickable`, and it takes half of the time of a figure of many bars.
    return go.Figure([*traces, *hatched], whole, _validate=False)


def pickable(traces: Sequence[Trace], gaps: pd.DataFrame, span: Span, layout: Trace) -> go.Figure:
    """Figure of one plot in which dragging selects a time range.

    The selection narrows all charts of the page; a zoom would narrow one of them alone.
    """
    fixed = {"fixedrange": True}
    axes = {"xaxis": fixed, "yaxis": {**layout["yaxis"], **fixed}}
    return drawn(
        traces, gaps, span, {**layout, **axes, "dragmode": "select", "selectdirection": "h"}
    )


def clickable(layout: Trace, *, picks: bool = True) -> Trace:
    """Layout of a figure whose points can be clicked, and in which dragging selects a time range
    if it `picks`.

    Streamlit 1.67 turns clicks off where the layout itself says that dragging selects. Plotly takes
    the mode of the template where the layout has none that it knows.
    """
    mode = "select" if picks else False
    return {
        **layout,
        "dragmode": "as the template says",
        "selectdirection": "h",
        "template": {"layout": {"dragmode": mode}},
    }


def with_cursor(figure: go.Figure, at: pd.Timestamp, label: str) -> go.Figure:
    """Copy of a figure with a line at this time and a label on it, which stays within the plot."""
    moment = at.tz_localize(None)
    first, last = map(pd.Timestamp, figure.layout.xaxis.range)
    is_late = moment - first > (last - first) / 2
    line = {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": moment,
        "x1": moment,
        "y0": 0,
        "y1": 1,
        "line": {"color": CURSOR, "width": 2},
    }
    flag = {
        "x": moment,
        "xref": "x",
        "y": 1,
        "yref": "paper",
        "yanchor": "top",
        "text": text(label),
        "showarrow": False,
        "xanchor": "right" if is_late else "left",
        "bgcolor": CURSOR,
        "font": {"color": "#FFFFFF", "size": 12},
        "borderpad": 3,
    }
    layout = figure.layout.to_plotly_json()
    notes = [*layout.get("annotations", ()), flag]
    return go.Figure(
        figure.data, {**layout, "shapes": [line], "annotations": notes}, _validate=False
    )


def numbered(name: str, row: int) -> str:
    """Plotly's name for an axis of a row of plots; the first row's has no number."""
    return name if row == 1 else f"{name}{row}"


def titled(title: str) -> Trace:
    """Axis with a title."""
    return {"title": {"text": title}}


def _hatching(gaps: pd.DataFrame, span: Span) -> Trace:
    """Hatching of gaps, drawn above the bars: a life under it was not watched there."""
    x: list[pd.Timestamp | None] = []
    y: list[int | None] = []
    least = (span[1] - span[0]) * _NARROWEST_GAP
    for start, end in zip(gaps["start"], gaps["end"], strict=True):
        widened = max(pd.Timedelta(0), least - (end - start)) / 2
        left, right = (
            edge.tz_localize(None)
            for edge in (max(start - widened, span[0]), min(end + widened, span[1]))
        )
        x += [left, left, right, right, left, None]
        y += [0, 1, 1, 0, 0, None]
    return {
        "type": "scatter",
        "x": x,
        "y": y,
        "mode": "none",
        "fill": "toself",
        "hoverinfo": "skip",
        "name": NOT_WATCHED,
        **_UNWATCHED,
    }
