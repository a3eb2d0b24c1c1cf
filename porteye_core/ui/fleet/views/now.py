"""Now: what listens on any host, one row for each service or for each listener."""

import streamlit as st

from porteye_core.filters import MAX_RECORDS
from porteye_core.store.fleet.questions import open_now, services
from porteye_core.ui import layout, url_state
from porteye_core.ui.fleet import listener_table, service_table
from porteye_core.ui.fleet.context import FleetMoment, read
from porteye_core.ui.fleet.counted import shown_of
from porteye_core.ui.fleet.pages import go_to_host, view_link

_REFRESH = 5  # seconds
_ROWS, _KEY = "rows", "fleet_rows"  # in the URL, and of the widget
_LISTENERS = "listeners"


@st.fragment(run_every=_REFRESH)
def now() -> None:
    """The services or listeners, drawn anew at each refresh."""
    read(_draw)


def _draw(at: FleetMoment) -> None:
    if (of := service_table.opened()) is not None:
        clicked = service_table.draw_opened(of, at.listeners, at, "now_service")
        layout.title(f"{of.port} {of.program}")
        if clicked is not None:
            go_to_host(clicked.host, port=str(clicked.port))
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        is_by_service = _by_service()
        place = st.empty()
    if is_by_service:
        found = services(at.reader, at.listeners, MAX_RECORDS)
        place.caption(shown_of(found, at.filters.limit, "service"), width="content")
        if found:
            service_table.draw(found[: at.filters.limit], at, "now_services")
    else:
        _listeners(at, place)
        return
    if not found:
        _say_nothing()


def _listeners(at: FleetMoment, place: "st.delta_generator.DeltaGenerator") -> None:
    found = open_now(at.reader, at.listeners, MAX_RECORDS)
    place.caption(shown_of(found, at.filters.limit, "listener"), width="content")
    if not found:
        _say_nothing()
        return
    clicked = listener_table.draw(found[: at.filters.limit], at, "now_listeners")
    if clicked is not None:
        go_to_host(clicked.host, port=str(clicked.port))


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


def _say_nothing() -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("No listener matches the filters.", width="content")
        if kept := url_state.filters():
            view_link("now", "Clear filters", **dict.fromkeys(kept, ""))


now()
