"""The sidebar's panel about the monitor."""

from html import escape

import streamlit as st

from porteye_core.errors import StoreError
from porteye_core.model import WatchPlan
from porteye_core.restarts import Restarts
from porteye_core.store.database import Database, monitor_status
from porteye_core.store.reading import State, Status
from porteye_core.ui import advice, times
from porteye_core.ui.banner import next_try
from porteye_core.ui.context import now
from porteye_core.ui.markdown import literal


def in_words(plan: WatchPlan) -> str:
    """The way of watching, with its interval."""
    seconds = f"every {plan.interval_us / 1e6:g} s"
    words = {
        "tracepoint": f"kernel events, checked {seconds}",
        "sock_diag": f"the kernel's socket table {seconds}",
        "portable": f"psutil {seconds}",
    }
    return words.get(plan.source, f"{plan.source} {seconds}")


@st.fragment(run_every=2)
def panel(db: Database, restarts: Restarts) -> None:
    """The state of the monitor, kept up to date by itself."""
    st.subheader("Monitor", anchor=False)
    try:
        state = monitor_status(db, now())
    except StoreError as err:
        st.badge("Not readable", icon=":material/database:", color="orange")
        st.caption(literal(err))
        return
    _BADGES[state.state]()
    _details(state, restarts)


def _details(state: Status, restarts: Restarts) -> None:
    watch = state.watch
    if state.trouble:
        st.caption(f":material/database_off: {literal(state.trouble)}")
    if watch is None:
        if state.state is State.NEVER:
            st.caption(f"Nobody has watched yet. {literal(next_try(restarts))}")
        return
    if state.state is State.STOPPED:
        ended = watch.stopped_at or watch.seen_at
        how = "stopped" if watch.stopped_at else "was last seen"
        _caption(f"It {how} {times.hover(ended)}.")
        st.caption(literal(next_try(restarts)))
        return
    if said := _LAST_SEEN.get(state.state):
        _caption(said.format(times.hover(watch.seen_at)))
    plan = watch.plan
    pid = "" if state.pid is None else f", pid {state.pid}"
    _caption(
        f"Since {times.hover(watch.started_at)}{pid}, by <strong>{escape(in_words(plan))}</strong>."
    )
    if plan.why:
        st.caption(f":material/help: {literal(plan.why)}")
    if state.hidden:
        verb = "listener has" if state.hidden == 1 else "listeners have"
        st.caption(f"{state.hidden} {verb} no known owner.")
    if state.lost:
        verb = "event was" if state.lost == 1 else "events were"
        st.caption(f":material/warning: {state.lost:,} kernel {verb} lost.")
    for limit in plan.limitations:
        found = advice.of_limitation(limit)
        st.caption(f":material/info: {literal(found.text)}")
        advice.how(found, "How")


def _caption(html: str) -> None:
    """A caption with a time in it, whose title Markdown cannot give it.

    Markdown with HTML in it costs a browser two more libraries before the first table is drawn.
    """
    st.html(f'<p class="caption">{html}</p>')


_KNOWN = "Known is what it saw until {}."
_LAST_SEEN = {
    State.STALLED: "It has recorded nothing since {}. See its log.",
    **dict.fromkeys((State.BEHIND, State.SILENT, State.RETIRED), _KNOWN),
}
_BADGES = {
    State.WATCHING: lambda: st.badge("Watching", icon=":material/visibility:", color="green"),
    State.STARTING: lambda: st.badge("Starting", icon=":material/hourglass_empty:", color="blue"),
    State.HOLDING: lambda: st.badge("Cannot write", icon=":material/warning:", color="orange"),
    State.STALLED: lambda: st.badge("Cannot scan", icon=":material/warning:", color="orange"),
    State.STOPPED: lambda: st.badge("Not running", icon=":material/visibility_off:", color="red"),
    State.NEVER: lambda: st.badge("Not running", icon=":material/visibility_off:", color="red"),
    State.BEHIND: lambda: st.badge("Behind", icon=":material/hourglass_bottom:", color="orange"),
    State.SILENT: lambda: st.badge("Silent", icon=":material/visibility_off:", color="red"),
    State.RETIRED: lambda: st.badge("Retired", icon=":material/inventory_2:", color="gray"),
}
