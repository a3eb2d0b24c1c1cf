"""History: what opened and closed on any host, the newest first, and all of it as CSV or JSON."""

import time
from dataclasses import replace
from typing import NamedTuple

import streamlit as st

from porteye_core.errors import FilterError
from porteye_core.store.fleet.many_hosts.questions import (
    EventPlace,
    FleetEvent,
    count_events,
    newest_events,
)
from porteye_core.ui import time_range
from porteye_core.ui.context import viewers_zone
from porteye_core.ui.fleet import event_table, pages
from porteye_core.ui.fleet.context import FleetMoment, read
from porteye_core.ui.fleet.export_links import draw_links
from porteye_core.ui.fleet.pages import go_to_host
from porteye_core.ui.markdown import literal
from porteye_core.ui.times import moment

_REFRESH = 5  # seconds
_AWAY = 3 * _REFRESH  # seconds without a drawing, after which nobody has been reading
_BEFORE = "before"  # in the URL
_NEWEST, _TURNED, _THEN = (f"fleet_history_{name}" for name in ("newest", "turned", "then"))


class _Newest(NamedTuple):
    """The newest event of the first page while somebody reads it.

    of: the filters that it was found by; at: when the page was drawn last, in seconds of a clock
    that never steps.
    """

    of: object
    place: EventPlace | None
    at: float


@st.fragment(run_every=_REFRESH)
def history() -> None:
    """A page of events, drawn anew at each refresh."""
    if (then := st.session_state.pop(_THEN, None)) is not None:
        pages.go("time_machine", at=time_range.stamp(then))
    read(_draw)


def _draw(at: FleetMoment) -> None:
    before = _place(st.query_params.get(_BEFORE, ""))
    limit = at.filters.limit
    newest = None if before else _newest(at)
    first = before or (newest and _behind(newest))
    found = newest_events(at.reader, at.events, limit + 1, first)
    shown = found[:limit]
    with st.container(horizontal=True, vertical_alignment="center", key="paging"):
        _turn_pages(before, shown[-1].place if len(found) > limit else None)
        if newest is not None:
            _announce(at, newest)
        st.caption(literal(_words(at, shown, is_newest=before is None)), width="content")
        draw_links(at.view, "history", at.filters)
    if shown:
        clicked = event_table.draw(shown, _remember)
        if clicked is not None:
            host = at.address_of(clicked.host_id)
            go_to_host(host, "listener", listener=str(clicked.listener_id))


def _words(at: FleetMoment, shown: list[FleetEvent], *, is_newest: bool) -> str:
    if not shown:
        older = "" if is_newest else " older"
        return f"No{older} event in this time range matches the filters."
    which = "the newest " if is_newest else ""
    count = f"{len(shown):,} event{'' if len(shown) == 1 else 's'}"
    if is_newest and at.events.is_summed:
        count = f"{len(shown):,} of {count_events(at.reader, at.events):,} events"
    return f"Showing {which}{count}, back to {moment(shown[-1].at, at.now, viewers_zone())}."


def _newest(at: FleetMoment) -> EventPlace | None:
    """The newest event when somebody began to read: the table does not move under the reader."""
    of = at.view.filters, at.view.patterns, at.view.length
    kept: _Newest | None = st.session_state.get(_NEWEST)
    clock = time.monotonic()
    if kept is None or kept.of != of or kept.place is None or clock - kept.at > _AWAY:
        found = newest_events(at.reader, at.events, 1)
        kept = _Newest(of, found[0].place if found else None, clock)
    st.session_state[_NEWEST] = kept._replace(at=clock)
    return kept.place


def _behind(place: EventPlace) -> EventPlace:
    """The place before which this one is the first."""
    return place._replace(id=place.id + 1)


def _announce(at: FleetMoment, newest: EventPlace) -> None:
    """Draw a button for the events that have come since."""
    limit = at.filters.limit
    since = max(newest.at, at.events.since or newest.at)
    found = newest_events(at.reader, replace(at.events, since=since), limit + 1)
    new = sum(each.place > newest for each in found)
    if new:
        many = f"{limit:,}+" if new > limit else f"{new:,}"
        st.button(
            f"{many} new event{'' if new == 1 else 's'}. Show",
            on_click=_turn,
            args=("",),
            type="primary",
            key="show_new",
        )


def _place(text: str) -> EventPlace | None:
    """The place that a text of the URL says, None if it is none."""
    try:
        return EventPlace.of(text)
    except FilterError:
        return None


def _turn_pages(before: EventPlace | None, last: EventPlace | None) -> None:
    """Draw the buttons; last: the last event of this page, None if no others follow."""
    turned: list[str] = st.session_state.setdefault(_TURNED, [])
    here = "" if before is None else str(before)
    has_newer = bool(here) and here in turned
    for label, to in (
        ("Newest", "" if here else None),
        ("Newer", turned[turned.index(here) - 1] if has_newer and turned[0] != here else None),
        ("Older", None if last is None else str(last)),
    ):
        st.button(label, on_click=_turn, args=(to, here), disabled=to is None)


def _turn(to: str, here: str = "") -> None:
    """Turn to the page before this place; the newest one has no name in the address."""
    turned: list[str] = st.session_state.setdefault(_TURNED, [])
    if not to:
        turned.clear()
        st.session_state.pop(_NEWEST, None)
        st.query_params.pop(_BEFORE, None)
        return
    if to not in turned:
        if here not in turned:
            turned[:] = [here]
        turned.append(to)
    st.query_params[_BEFORE] = to


def _remember(then: int) -> None:
    st.session_state[_THEN] = then


time_range.pills()
history()
