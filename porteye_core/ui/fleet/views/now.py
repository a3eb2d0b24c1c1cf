"""Now: what listens on any host, one row for each service or for each listener."""

import streamlit as st

from porteye_core.ui.fleet import choices, listening, opinions
from porteye_core.ui.fleet.context import FleetMoment, read

_REFRESH = 5  # seconds


@st.fragment(run_every=_REFRESH)
def now() -> None:
    """The services or listeners, drawn anew at each refresh."""
    read(_draw)


def _draw(at: FleetMoment) -> None:
    opinions.tell_wrong_file(at)
    if listening.draw_opened(at, at.listeners, "now_service"):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        is_by_service = choices.toggle(
            "One row per service",
            "rows",
            "listeners",
            "fleet_rows",
            "A service is a program on a port with an exposure, on any number of hosts.",
        )
        place = st.empty()
    if is_by_service:
        listening.draw_services(at, at.listeners, place, "now_services")
    else:
        listening.draw_listeners(at, at.listeners, place, "now_listeners")


now()
