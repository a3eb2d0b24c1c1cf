"""Exposed: the hosts that let others in, and on which ports."""

from dataclasses import replace
from enum import StrEnum

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from porteye_core.reach import REACHABLE
from porteye_core.store.fleet.questions import Selection, ports_by_host
from porteye_core.ui.fleet import exposed_hosts, listening, opinions
from porteye_core.ui.fleet.context import FleetMoment, read
from porteye_core.ui.fleet.counted import shown_of
from porteye_core.ui.fleet.exposed_hosts import WIDEST_FIRST
from porteye_core.ui.fleet.pages import go_to_host

_REFRESH = 10  # seconds
_KEY, _ROWS = "exposed_rows", "rows"  # of the widget, and in the URL


class _Rows(StrEnum):
    """The thing that a row is of; the value stands in the URL."""

    SERVICES = "services"
    HOSTS = "hosts"
    LISTENERS = "listeners"


_LABELS = {
    _Rows.SERVICES: "By service",
    _Rows.HOSTS: "By host",
    _Rows.LISTENERS: "Every listener",
}


@st.fragment(run_every=_REFRESH)
def exposed() -> None:
    """The services, hosts or listeners, drawn anew at each refresh."""
    read(_draw)


def _draw(at: FleetMoment) -> None:
    opinions.tell_wrong_file(at)
    wanted = _reachable(at)
    if wanted is None:
        st.info("The exposure filter means nothing that other machines reach.")
        return
    if listening.draw_opened(at, wanted, "exposed_service"):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        rows = _choose()
        place = st.empty()
    match rows:
        case _Rows.SERVICES:
            listening.draw_services(at, wanted, place, "exposed_services", WIDEST_FIRST)
        case _Rows.HOSTS:
            _draw_hosts(at, wanted, place)
        case _Rows.LISTENERS:
            listening.draw_listeners(at, wanted, place, "exposed_listeners")


def _reachable(at: FleetMoment) -> Selection | None:
    """The listeners of the filters that other machines reach; None if the filters mean others."""
    wanted = at.listeners
    exposures = tuple(each for each in REACHABLE if not wanted.exposure or each in wanted.exposure)
    return replace(wanted, exposure=exposures) if exposures else None


def _choose() -> _Rows:
    """Draw the choice of what a row is of; the URL keeps it."""
    if _KEY not in st.session_state:
        said = st.query_params.get(_ROWS, "")
        st.session_state[_KEY] = _Rows(said) if said in set(_Rows) else _Rows.SERVICES
    chosen = st.segmented_control(
        "Rows",
        list(_Rows),
        format_func=_LABELS.__getitem__,
        key=_KEY,
        label_visibility="collapsed",
        required=True,
    )
    rows = chosen or _Rows.SERVICES
    if rows is _Rows.SERVICES:
        st.query_params.pop(_ROWS, None)
    else:
        st.query_params[_ROWS] = rows.value
    return rows


def _draw_hosts(at: FleetMoment, wanted: Selection, place: DeltaGenerator) -> None:
    limit = at.filters.limit
    found = ports_by_host(at.reader, wanted, limit)
    place.caption(shown_of(found.count, limit, "host"), width="content")
    if not found.hosts:
        listening.say_nothing()
        return
    clicked = exposed_hosts.draw(found.hosts, at)
    if clicked is not None:
        go_to_host(clicked.host, exposure="reachable")


exposed()
