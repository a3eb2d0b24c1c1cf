"""Timeline: how many listeners were open over time, what opened and closed, and every life."""

import streamlit as st

from porteye_core.store.reading import Reader
from porteye_core.ui import chart_zoom, timeline_charts
from porteye_core.ui.context import View, now, read
from porteye_core.ui.listener_drawer import open_drawer

_REFRESH = 30  # seconds
_CURSOR = "timeline_cursor"


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
    click = timeline_charts.draw(reader, view, moment, *range_, st.session_state.get(_CURSOR))
    if click is not None and click.listener is not None:
        open_drawer(click.listener)
    if click is not None and click.at is not None:
        st.session_state[_CURSOR] = click.at
        st.rerun()


chart_zoom.way_back()
ends_now = View.current().filters.until is None
st.fragment(timeline, run_every=_REFRESH if ends_now else None)()
