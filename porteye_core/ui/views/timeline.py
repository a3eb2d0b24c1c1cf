"""Timeline: how many listeners were open over time, what opened and closed, and every life."""

import sqlite3

import plotly.graph_objects as go
import streamlit as st

from porteye_core.charts import activity, heat, lives
from porteye_core.ui import picked_range
from porteye_core.ui.context import View, local
from porteye_core.ui.layout import is_phone
from porteye_core.ui.markdown import literal
from porteye_core.ui.monitor_state import now, read
from porteye_core.ui.timeline_data import Charted, bounds, charted

_REFRESH = 30  # seconds


def timeline() -> None:
    """The charts of the chosen range."""
    if picked_range.is_new():
        st.rerun()  # the sidebar and the address stand outside of this fragment
    view = View.current()
    read(view.db, lambda connection: _in_range(connection, view))


def _in_range(connection: sqlite3.Connection, view: View) -> None:
    moment = now()
    range_ = bounds(connection, view, moment)
    if range_ is None:
        st.info("This time range has not begun yet.")
        return
    found = charted(connection, view, moment, *range_)
    if found is None:
        st.info("No listener that the filters let through was open in this time range.")
        return
    st.caption(" ".join(_words(found, *range_)))
    _charts(found, range_)


def _words(found: Charted, since: int, until: int) -> list[str]:
    said = [f"{local(since)} to {local(until)}."]
    if not is_phone():
        said.append("Drag across a chart to look closer.")
    unwatched = float((found.gaps["end"] - found.gaps["start"]).dt.total_seconds().sum())
    if unwatched:
        said.append(f"Where it is hatched nobody watched: {_long(unwatched)} in all.")
    return [literal(each) for each in said]


def _charts(found: Charted, range_: tuple[int, int]) -> None:
    counts = found.turnover
    _chart(
        "open",
        "Open over time",
        activity.open_listeners(counts, found.gaps, found.span),
        f"Line of how many listeners were open; {counts['open'].iloc[-1]} at the end.",
        range_,
    )
    if found.drifts:
        st.caption(
            "Some listeners changed hands in this range: the line counts what each program opened"
            " and closed, and is not exact."
        )
    _chart(
        "turnover",
        "Opened and closed",
        activity.turnover(counts, found.gaps, found.span, found.bucket),
        f"Bars of what opened and closed per {found.bucket};"
        f" {counts['opened'].sum()} opened and {counts['closed'].sum()} closed in all.",
        range_,
    )
    _chart(
        "lives",
        "Lives",
        lives.timeline(found.lives, found.merged, found.rows, found.gaps, found.span),
        f"Bars of when listeners were open on {len(found.rows)} of {found.ports} ports;"
        f" {found.count} lives in all.",
        range_,
        _cut(found),
    )
    if not found.heat_rows:
        st.caption("Nothing opened or closed in this time range: there is no map of events.")
        return
    _chart(
        "heat",
        f"Events by port per {found.bucket_by_port}",
        heat.heat(found.cells, found.heat_rows, found.edges, found.gaps, found.span),
        f"Map of how many events each of {len(found.heat_rows)} ports had"
        f" in each {found.bucket_by_port}.",
        range_,
        _cut_heat(found),
    )


def _cut(found: Charted) -> str:
    said = f"{found.count:,} {_plural(found.count, 'life', 'lives')}"
    said += f" on {found.ports:,} {_plural(found.ports, 'port', 'ports')}."
    if found.ports > len(found.rows):
        said += f" Showing the {len(found.rows)} busiest of {found.ports:,} ports."
    if found.crowded:
        said += (
            f" {found.crowded} of them had too many lives to draw one by one: a striped bar stands"
            f" for several, counted per {found.bucket_by_port}."
        )
    return said


def _cut_heat(found: Charted) -> str:
    if found.ports == len(found.heat_rows):
        return ""
    return (
        f"Showing the {len(found.heat_rows)} busiest of {found.ports:,} ports;"
        " a port without an event in this range has no row."
    )


def _chart(
    key: str, title: str, figure: go.Figure, alt: str, range_: tuple[int, int], note: str = ""
) -> None:
    st.markdown(f"##### {title}")
    if note:
        st.caption(note)
    picks = not is_phone()
    if not picks:  # a finger on the chart scrolls the page
        figure.layout.dragmode = False
    st.plotly_chart(
        figure,
        key=key,
        on_select=(lambda: picked_range.pick(key, *range_)) if picks else "ignore",
        selection_mode="box",
        config={"displayModeBar": False},
        alt=alt,
    )


def _long(seconds: float) -> str:
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} s"


def _plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else many


if picked_range.is_picked():
    st.button(
        "Back to the whole range", icon=":material/zoom_out_map:", on_click=picked_range.forget
    )
ends_now = View.current().filters.until is None
st.fragment(timeline, run_every=_REFRESH if ends_now else None)()
