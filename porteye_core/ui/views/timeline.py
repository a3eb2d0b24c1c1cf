"""Timeline: how many listeners were open over time, what opened and closed, and every life."""

import sqlite3

import streamlit as st

from porteye_core.ui import picked_range
from porteye_core.ui.context import View, local
from porteye_core.ui.layout import is_phone
from porteye_core.ui.markdown import literal
from porteye_core.ui.monitor_state import now, read
from porteye_core.ui.timeline_charts import Chart, Drawn, drawn
from porteye_core.ui.timeline_data import bounds

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
    found = drawn(connection, view, moment, *range_)
    if not found.charts:
        st.info("No listener that the filters let through was open in this time range.")
        return
    st.caption(" ".join(_words(found, *range_)))
    for chart in found.charts:
        _chart(chart, range_)


def _words(found: Drawn, since: int, until: int) -> list[str]:
    said = [f"{local(since)} to {local(until)}."]
    if not is_phone():
        said.append("Drag across a chart to look closer.")
    if found.unwatched:
        said.append(f"Where it is hatched nobody watched: {_long(found.unwatched)} in all.")
    return [literal(each) for each in said]


def _chart(chart: Chart, range_: tuple[int, int]) -> None:
    st.markdown(f"##### {chart.title}")
    if chart.note:
        st.caption(chart.note)
    picks = not is_phone()
    if not picks:  # a finger on the chart scrolls the page
        chart.figure.layout.dragmode = False
    st.plotly_chart(
        chart.figure,
        key=chart.key,
        on_select=(lambda: picked_range.pick(chart.key, *range_)) if picks else "ignore",
        selection_mode="box",
        config={"displayModeBar": False},
        alt=chart.alt,
    )
    if chart.remark:
        st.caption(chart.remark)


def _long(seconds: float) -> str:
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} s"


if picked_range.is_picked():
    st.button(
        "Back to the whole range", icon=":material/zoom_out_map:", on_click=picked_range.forget
    )
ends_now = View.current().filters.until is None
st.fragment(timeline, run_every=_REFRESH if ends_now else None)()
