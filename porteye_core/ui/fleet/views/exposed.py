"""Exposed: the hosts that let others in, and on which ports."""

from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from porteye_core.reach import reachable_of
from porteye_core.store.fleet.many_hosts.questions import Selection, ports_by_host
from porteye_core.ui.fleet import choices, exposed_hosts, listening, opinions
from porteye_core.ui.fleet.context import FleetMoment, read
from porteye_core.ui.fleet.counted import shown_of
from porteye_core.ui.fleet.exposed_hosts import WIDEST_FIRST
from porteye_core.ui.fleet.pages import go_to_host

_REFRESH = 10  # seconds
_SERVICES, _HOSTS, _LISTENERS = "services", "hosts", "listeners"
_LABELS = {_SERVICES: "By service", _HOSTS: "By host", _LISTENERS: "Every listener"}


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
        rows = choices.choose("Rows", _LABELS, "rows", "exposed_rows")
        place = st.empty()
    if rows == _SERVICES:
        listening.draw_services(at, wanted, place, "exposed_services", WIDEST_FIRST)
    elif rows == _HOSTS:
        _draw_hosts(at, wanted, place)
    else:
        listening.draw_listeners(at, wanted, place, "exposed_listeners")


def _reachable(at: FleetMoment) -> Selection | None:
    """The listeners of the filters that other machines reach; None if the filters mean others."""
    wanted = at.listeners
    exposures = reachable_of(wanted.exposure)
    return replace(wanted, exposure=exposures) if exposures else None


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
