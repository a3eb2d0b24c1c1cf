"""Time machine: what was open on any host at a moment."""

import streamlit as st

from porteye_core.filters import MAX_RECORDS
from porteye_core.store.fleet.many_hosts.questions import (
    HostCount,
    count_at,
    coverages,
    hosts_at,
    named,
    open_at,
    ports_at,
)
from porteye_core.ui import cursor_url, moment_controls, time_range
from porteye_core.ui.fleet import listener_table, moment_counts
from porteye_core.ui.fleet.context import FleetMoment, read
from porteye_core.ui.fleet.counted import shown_of
from porteye_core.ui.fleet.host_states import unknown_at
from porteye_core.ui.fleet.opinions import VERDICT
from porteye_core.ui.fleet.pages import go, go_to_host
from porteye_core.ui.markdown import literal

_REFRESH = 30  # seconds: hosts may ship late what they had then
_SECOND = 1_000_000


def controls() -> None:
    """The field for a time, and the steps."""
    with st.container(horizontal=True, vertical_alignment="center", key="when"):
        moment_controls.field("at", "Go to a time", 300)
        moment_controls.lengths()
    moment_controls.errors()


@st.fragment(run_every=_REFRESH)
def moment() -> None:
    """The counts and the listeners of the moment."""
    read(_draw)


def _draw(at: FleetMoment) -> None:
    chosen = cursor_url.cursor().at
    then = at.now // _SECOND * _SECOND if chosen is None else chosen
    moment_controls.shown(then)
    if then > at.now:
        st.info(literal(f"{at.dated(then)} has not come yet."))
        return
    if then < at.kept_from:
        st.info(literal(f"What was open at {at.dated(then)} is not kept any more."))
        return
    _tell_unwatched(at, then)
    count = count_at(at.reader, at.listeners, then)
    hosts = hosts_at(at.reader, at.listeners, then, MAX_RECORDS)
    on = f"{len(hosts):,} host{'' if len(hosts) == 1 else 's'}"
    listeners = f"{count:,} listener{'' if count == 1 else 's'}"
    st.markdown(f"**{literal(at.dated(then))}** · {listeners} on {on}")
    if count:
        _draw_counts(at, then, hosts)
        _draw_listeners(at, then, count)


def _tell_unwatched(at: FleetMoment, then: int) -> None:
    """Say of which hosts it is not known what they had."""
    names = unknown_at(at.hosts, coverages(at.reader, at.hosts, then), then)
    if names:
        count = f"Of {len(names):,} host{'' if len(names) == 1 else 's'} it is not known what"
        of = "it" if len(names) == 1 else "they"
        them = "it" if len(names) == 1 else "them"
        st.warning(
            f"**{count} {of} had then:** {literal(named(names))}. What is shown of {them} may have"
            " closed, and others may be missing.",
            icon=":material/visibility_off:",
        )


def _draw_counts(at: FleetMoment, then: int, hosts: list[HostCount]) -> None:
    stamp = time_range.stamp(then)
    left, right = st.columns(2)
    with left:
        port = moment_counts.draw_ports(ports_at(at.reader, at.listeners, then, at.filters.limit))
    with right:
        host = moment_counts.draw_hosts(hosts)
    if port is not None:
        go("time_machine", at=stamp, port=str(port.port), protocol=port.protocol)
    if host is not None:
        go_to_host(at.address_of(host.host_id), "timeline", at=stamp)


def _draw_listeners(at: FleetMoment, then: int, count: int) -> None:
    limit = at.filters.limit
    st.caption(shown_of(count, limit, "listener"))
    found = open_at(at.reader, at.listeners, then, limit)
    clicked = listener_table.draw(found, at, "fleet_then", without=(VERDICT,))
    if clicked is not None:
        stamp = time_range.stamp(then)
        host = at.address_of(clicked.host_id)
        go_to_host(host, "timeline", at=stamp, port=str(clicked.port))


cursor_url.cursor()
cursor_url.write()
controls()
moment()
