"""Now: what listens on any host, one row for each service or for each listener."""

import streamlit as st

from porteye_core.ui.fleet import listening, opinions
from porteye_core.ui.fleet.context import FleetMoment, read

_REFRESH = 5  # seconds
_ROWS, _KEY = "rows", "fleet_rows"  # in the URL, and of the widget
_LISTENERS = "listeners"


@st.fragment(run_every=_REFRESH)
def now() -> None:
    """The services or listeners, drawn anew at each refresh."""
    read(_draw)


def _draw(at: FleetMoment) -> None:
    opinions.tell_wrong_file(at)
    if listening.draw_opened(at, at.listeners, "now_service"):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        is_by_service = _by_service()
        place = st.empty()
    if is_by_service:
        listening.draw_services(at, at.listeners, place, "now_services")
    else:
        listening.draw_listeners(at, at.listeners, place, "now_listeners")


def _by_service() -> bool:
    """Draw the choice of one row for each service or each listener; the URL keeps it."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = st.query_params.get(_ROWS) != _LISTENERS
    chosen: bool = st.toggle(
        "One row per service",
        key=_KEY,
        help="A service is a program on a port with an exposure, on any number of hosts.",
    )
    if chosen:
        st.query_params.pop(_ROWS, None)
    else:
        st.query_params[_ROWS] = _LISTENERS
    return chosen


now()
