"""Open listeners of many hosts, one row for each service or for each listener."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from porteye_core.reach import Exposure
from porteye_core.store.fleet.many_hosts.questions import (
    Selection,
    Service,
    count_now,
    count_services,
    open_now,
    services,
)
from porteye_core.ui import layout, url_state
from porteye_core.ui.fleet import listener_table, service_table
from porteye_core.ui.fleet.context import FleetMoment
from porteye_core.ui.fleet.counted import shown_of
from porteye_core.ui.fleet.pages import go_to_host, view_link


def draw_opened(at: FleetMoment, wanted: Selection, key: str) -> bool:
    """Draw the service whose listeners are wanted, if one is; tell whether."""
    of = service_table.opened()
    if of is None:
        return False
    layout.title(f"{of.port} {of.program}")
    clicked = service_table.draw_opened(of, wanted, at, key)
    if clicked is not None:
        go_to_host(clicked.host, port=str(clicked.port))
    return True


def draw_services(
    at: FleetMoment,
    wanted: Selection,
    place: DeltaGenerator,
    key: str,
    order: Sequence[Exposure] = (),
) -> None:
    """Draw the services; place: for the number of them; order: of their exposures, of which those
    of the selection come one after the other."""
    limit = at.filters.limit
    found = _in_order(at, wanted, order) if order else services(at.reader, wanted, limit)
    count = count_services(at.reader, wanted)
    place.caption(shown_of(count, limit, "service"), width="content")
    if found:
        service_table.draw(found, wanted, at, key)
    else:
        say_nothing()


def _in_order(at: FleetMoment, wanted: Selection, order: Sequence[Exposure]) -> list[Service]:
    found: list[Service] = []
    for exposure in order:
        if exposure in wanted.exposure:
            left = at.filters.limit - len(found)
            found += services(at.reader, replace(wanted, exposure=(exposure,)), left)
    return found


def draw_listeners(at: FleetMoment, wanted: Selection, place: DeltaGenerator, key: str) -> None:
    """Draw every listener; place: for the number of them."""
    limit = at.filters.limit
    found, count = open_now(at.reader, wanted, limit), count_now(at.reader, wanted)
    place.caption(shown_of(count, limit, "listener"), width="content")
    if not found:
        say_nothing()
        return
    clicked = listener_table.draw(found, at, key)
    if clicked is not None:
        go_to_host(clicked.host, port=str(clicked.port))


def say_nothing() -> None:
    """Say that nothing matches, with a way out."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("No listener matches the filters.", width="content")
        if kept := url_state.filters():
            view_link("now", "Clear filters", **dict.fromkeys(kept, ""))
