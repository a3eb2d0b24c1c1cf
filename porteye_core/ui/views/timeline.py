"""Timeline: how many listeners were open over time, what opened and closed, and every life."""

import streamlit as st

from porteye_core.store.reading import Reader
from porteye_core.ui import chart_zoom
from porteye_core.ui.context import View, local, now, read
from porteye_core.ui.markdown import literal
from porteye_core.ui.timeline_charts import Chart, Drawn, drawn

_REFRESH = 30  # seconds


def timeline() -> None:
    """The charts of the chosen range."""
    if chart_zoom.is_new():
        st.rerun()  # the sidebar and the address stand outside of this fragment
    view = View.current()
    read(view.db, lambda reader: _in_range(reader, view))


def _in_range(reader: Reader, view: View) -> None:
    moment = now()
    range_ = reader.timeline_range(view.filters_at(moment), moment)
    if range_ is None:
        st.info("This time range has not begun yet.")
        return
    found = drawn(reader, view, moment, *range_)
    if not found.charts:
        st.info("No listener that the filters let through was open in this time range.")
        return
    st.caption(" ".join(_words(found, *range_)))
    for chart in found.charts:
        _chart(chart, range_)


def _words(found: Drawn, since: int, until: int) -> list[str]:
    said = [f"{local(since)} to {local(until)}."]
    if how_to := chart_zoom.how_to():
        said.append(how_to)
    if found.unwatched:
        said.append(f"Where it is hatched nobody watched: {_long(found.unwatched)} in all.")
    return [literal(each) for each in said]


def _chart(chart: Chart, range_: tuple[int, int]) -> None:
    st.markdown(f"##### {chart.title}")
    if chart.note:
        st.caption(chart.note)
    chart_zoom.chart(chart.figure, chart.key, range_, chart.alt)
    if chart.remark:
        st.caption(chart.remark)


def _long(seconds: float) -> str:
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} s"


chart_zoom.way_back()
ends_now = View.current().filters.until is None
st.fragment(timeline, run_every=_REFRESH if ends_now else None)()
