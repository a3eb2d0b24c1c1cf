"""Further charts of a range, one at a time: what is reachable, how many listen, what is active."""

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from porteye_core.charts import activity, reachable
from porteye_core.charts.timeline import Line
from porteye_core.model import Precision
from porteye_core.store.reading import Reader, Shape, Step
from porteye_core.ui import chart_zoom
from porteye_core.ui.context import View, viewers_zone

if TYPE_CHECKING:
    from porteye_core.ui.timeline_charts import Charted

_KEY = "timeline_further"


class Further(StrEnum):
    """A chart that is drawn on request."""

    REACHABLE = "Reachable"
    LISTENERS = "Listeners"
    ACTIVITY = "Activity by port"


def draw(
    reader: Reader,
    view: View,
    range_: tuple[int, int],
    shape: Shape,
    of: "Charted",
    on_click: Callable[[str], None],
) -> str:
    """Draw the chart that is chosen, if any, and return a remark on it, which may be empty."""
    chosen = st.segmented_control(
        "Further charts",
        list(Further),
        format_func=lambda each: each.value,
        key=_KEY,
        label_visibility="collapsed",
        persist_state="session",
    )
    if chosen is None:
        return ""
    make = {
        Further.REACHABLE: surface,
        Further.LISTENERS: listeners,
        Further.ACTIVITY: activity_by_port,
    }[chosen]
    figure, alt, remark = make(reader, view, range_, shape, of)
    if figure is not None:
        chart_zoom.chart(figure, f"{_KEY}_chart", range_, alt, on_click)
    return remark


_Made = tuple[go.Figure | None, str, str]


def surface(reader: Reader, view: View, range_: tuple[int, int], _: Shape, of: "Charted") -> _Made:
    """Draw how many listeners were reachable from the network, and each step."""
    found = reader.surface(view.filters, *range_)
    counts = found.frame
    edges = pd.Series([found.since, found.until]).astype("datetime64[us]").dt.tz_localize("UTC")
    last = found.begun if counts.empty else int(counts["count"].iloc[-1])
    ends = [
        pd.DataFrame({"at": edges.iloc[[place]], "count": count})
        for place, count in ((0, found.begun), (1, last))
    ]
    counts = pd.concat([ends[0], counts, ends[1]], ignore_index=True)
    counts["at"] = counts["at"].dt.tz_convert(viewers_zone())
    of_moment: dict[int, list[Step]] = {}
    for step in found.steps:
        of_moment.setdefault(step.at, []).append(step)
    names = [[_said(step) for step in steps] for steps in of_moment.values()]
    ids = [
        f"listener {steps[0].listener}" if len(steps) == 1 else f"moment {at}"
        for at, steps in of_moment.items()
    ]
    figure = reachable.reachable(
        counts,
        [[], *names, []],
        [f"moment {found.since}", *ids, f"moment {found.until}"],
        of.gaps,
        of.span,
        of.left,
    )
    up = sum(step.is_up for step in found.steps)
    alt = (
        f"Line of how many listeners were reachable from the network: {found.begun:,} at first,"
        f" {last:,} at the end; {up:,} came and {len(found.steps) - up:,} went."
    )
    remark = "Listeners that lived for less than an hour are left out." if found.is_long else ""
    return (
        figure,
        alt,
        f"{last:,} reachable at the end; {up:,} came, {len(found.steps) - up:,} went. {remark}",
    )


def _said(step: Step) -> str:
    udp = " (udp)" if step.protocol == "udp" else ""
    seen = ", at a time when nobody watched" if step.seen is Precision.GAP else ""
    return f"{'+' if step.is_up else '−'} {step.port} {step.process or 'unknown owner'}{udp}{seen}"


def listeners(_: Reader, __: View, ___: tuple[int, int], ____: Shape, of: "Charted") -> _Made:
    """Draw how many listeners were open."""
    counts = of.found.turnover
    figure = activity.open_listeners(counts, of.gaps, of.span, of.left)
    return (
        figure,
        f"Line of how many listeners were open; {counts['open'].iloc[-1]:,} at the end.",
        "",
    )


def activity_by_port(
    reader: Reader, view: View, range_: tuple[int, int], shape: Shape, of: "Charted"
) -> _Made:
    """Draw how many events each of the busiest ports had in each bucket."""
    found = reader.port_activity(view.filters, *range_, viewers_zone(), shape)
    if not found.places:
        return None, "", "Nothing opened or closed in this time range."
    lines = [
        Line(f"{port}/{protocol}", f"Port {port}/{protocol}", None, counts, found.edges, "events")
        for (port, protocol), counts in zip(found.places, found.events, strict=True)
    ]
    figure = activity.by_port(lines, of.gaps, of.span, of.left)
    alt = f"Map of how many events each of {len(lines)} ports had in each {found.bucket}."
    said = f"Events per {found.bucket}: the {len(lines)} busiest of {found.ports:,} ports."
    return figure, alt, said
