"""Further charts of a range, one at a time: what is reachable, how many listen, what is active."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from porteye_core.charts import activity, reachable
from porteye_core.charts.timeline import Line
from porteye_core.model import Precision
from porteye_core.store.reading import Reader, Step, Surface
from porteye_core.ui import chart_zoom
from porteye_core.ui.context import View
from porteye_core.ui.markdown import literal

if TYPE_CHECKING:
    from porteye_core.ui.timeline_charts import Charted

_KEY = "timeline_further"


class Further(StrEnum):
    """A chart that is drawn on request."""

    REACHABLE = "Reachable"
    LISTENERS = "Listeners"
    ACTIVITY = "Activity by port"


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure, with `alt` for those who do not see it, and a remark on it."""

    figure: go.Figure | None
    alt: str
    remark: str = ""


def draw(reader: Reader, view: View, of: "Charted", on_click: Callable[[str], None]) -> None:
    """Draw the chart that is chosen, if any, with a remark on it."""
    chosen = st.segmented_control(
        "Further charts",
        list(Further),
        format_func=lambda each: each.value,
        key=_KEY,
        label_visibility="collapsed",
        persist_state="session",
    )
    if chosen is None:
        return
    chart = further(chosen, reader, view, of)
    if chart.figure is not None:
        chart_zoom.chart(chart.figure, f"{_KEY}_chart", of.range, chart.alt, on_click)
    if chart.remark:
        st.caption(literal(chart.remark))


def further(which: Further, reader: Reader, view: View, of: "Charted") -> Chart:
    """The chart of this name for a timeline."""
    if which is Further.REACHABLE:
        found = reader.surface(view.filters, *of.range, of.found.rows.events)
        return surface(found, of)
    return listeners(of) if which is Further.LISTENERS else activity_by_port(of)


def surface(found: Surface, of: "Charted") -> Chart:
    """Draw how many listeners were reachable from the network, and each step."""
    counts = found.frame
    last = found.begun if counts.empty else int(counts["count"].iloc[-1])
    ends = pd.Series([found.since, found.until]).astype("datetime64[us]").dt.tz_localize("UTC")
    first, end = (
        pd.DataFrame({"at": ends.iloc[[place]], "count": count})
        for place, count in ((0, found.begun), (1, last))
    )
    shown = pd.concat([first, counts, end], ignore_index=True)
    shown["at"] = shown["at"].dt.tz_convert(of.zone)
    steps: dict[int, list[Step]] = {}
    for step in found.steps:
        steps.setdefault(step.at, []).append(step)
    ids = [
        f"listener {each[0].listener}" if len(each) == 1 else f"moment {at}"
        for at, each in steps.items()
    ]
    figure = reachable.reachable(
        shown,
        [[], *([_step_words(step) for step in each] for each in steps.values()), []],
        [f"moment {found.since}", *ids, f"moment {found.until}"],
        of.gaps,
        of.span,
        of.left,
    )
    up = sum(step.is_up for step in found.steps)
    said = f"{up:,} became reachable and {len(found.steps) - up:,} no longer were"
    alt = (
        f"Line of how many listeners were reachable from the network: {found.begun:,} at first,"
        f" {last:,} at the end; {said}."
    )
    remark = f"{last:,} reachable at the end: {said}."
    if found.is_long:
        remark += " Listeners that lived for less than an hour are left out."
    return Chart(figure, alt, remark)


def _step_words(step: Step) -> str:
    udp = " (udp)" if step.protocol == "udp" else ""
    seen = ", at a time when nobody watched" if step.seen is Precision.GAP else ""
    return f"{'+' if step.is_up else '−'} {step.port} {step.process or 'unknown owner'}{udp}{seen}"


def listeners(of: "Charted") -> Chart:
    """Draw how many listeners were open."""
    counts = of.found.turnover
    figure = activity.open_listeners(counts, of.gaps, of.span, of.left)
    last = counts["open"].iloc[-1]
    return Chart(figure, f"Line of how many listeners were open; {last:,} at the end.")


def activity_by_port(of: "Charted") -> Chart:
    """Draw how many events each of the busiest ports had in each bucket."""
    rows = of.found.rows
    if not rows.busiest:
        return Chart(None, "", "Nothing opened or closed in this time range.")
    edges = of.edges
    lines = [
        Line(f"{port}/{protocol}", f"Port {port}/{protocol}", None, counts, edges, "events")
        for (port, protocol), counts in rows.busiest.items()
    ]
    bucket = rows.by_port.name
    return Chart(
        activity.by_port(lines, of.gaps, of.span, of.left),
        f"Map of how many events each of {len(lines)} ports had in each {bucket}.",
        f"Events per {bucket}: the busiest {len(lines)} of {rows.active:,} ports with events.",
    )
