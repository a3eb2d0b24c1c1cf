"""The sidebar's panel about the monitor."""

from html import escape
from pathlib import Path

import streamlit as st

from porteye_core.config import monitor_command
from porteye_core.errors import StoreError
from porteye_core.restarts import Restarts
from porteye_core.store.reading import State, Status, monitor_status
from porteye_core.ui import times
from porteye_core.ui.context import now
from porteye_core.ui.markdown import code, literal

_MANY_TRIES = 3  # a monitor that fails so often does not start by itself


def start(db: Path, *, again: bool = False) -> str:
    """The advice to start a monitor."""
    return f"Start it{' again' if again else ''} with {code(monitor_command(db))}."


def remedy(db: Path, restarts: Restarts) -> str:
    """The next try of this dashboard to start a monitor, or the command that does."""
    pending = restarts.pending
    if pending is None:
        return start(db)
    wait = times.length(max(0, pending.at - now()) // 1_000_000 * 1_000_000)
    said = f"{pending.ended} This dashboard starts another in {wait}."
    return f"{said} {start(db)}" if pending.tries > _MANY_TRIES else said


@st.fragment(run_every=2)
def panel(db: Path, restarts: Restarts) -> None:
    """The state of the monitor, kept up to date by itself."""
    st.subheader("Monitor", anchor=False)
    try:
        state = monitor_status(db, now())
    except StoreError as err:
        st.badge("Not readable", icon=":material/database:", color="orange")
        st.caption(literal(err))
        return
    _BADGES[state.state]()
    _details(state, db, restarts)


def _details(state: Status, db: Path, restarts: Restarts) -> None:
    watch = state.watch
    if state.trouble:
        st.caption(f":material/database_off: {literal(state.trouble)}")
    if watch is None:
        if state.state is State.NEVER:
            st.caption(f"Nobody has watched yet. {remedy(db, restarts)}")
        return
    if state.state is State.STOPPED:
        ended = watch.stopped_at or watch.seen_at
        how = "stopped" if watch.stopped_at else "was last seen"
        _caption(f"It {how} {times.hover(ended)}.")
        st.caption(remedy(db, restarts))
        return
    if state.state is State.STALLED:
        _caption(f"It has recorded nothing since {times.hover(watch.seen_at)}. See its log.")
    plan = watch.plan
    _caption(
        f"Since {times.hover(watch.started_at)}, pid {state.pid},"
        f" by <strong>{escape(plan.source)}</strong> every {plan.interval_us / 1e6:g} s."
    )
    if plan.why:
        st.caption(f":material/help: {literal(plan.why)}")
    if state.hidden:
        verb = "listener has" if state.hidden == 1 else "listeners have"
        st.caption(f"{state.hidden} {verb} no known owner.")
    if state.lost:
        verb = "record was" if state.lost == 1 else "records were"
        st.caption(f":material/warning: {state.lost:,} kernel {verb} lost.")
    for limit in plan.limitations:
        hint = f" {code(limit.hint)}" if limit.hint else ""
        st.caption(f":material/info: {literal(limit.text)}{hint}")


def _caption(html: str) -> None:
    """A caption with a time in it, whose title Markdown cannot give it.

    Markdown with HTML in it costs a browser two more libraries before the first table is drawn.
    """
    st.html(f'<p class="caption">{html}</p>')


_BADGES = {
    State.WATCHING: lambda: st.badge("Watching", icon=":material/visibility:", color="green"),
    State.STARTING: lambda: st.badge("Starting", icon=":material/hourglass_empty:", color="blue"),
    State.HOLDING: lambda: st.badge("Cannot write", icon=":material/warning:", color="orange"),
    State.STALLED: lambda: st.badge("Cannot scan", icon=":material/warning:", color="orange"),
    State.STOPPED: lambda: st.badge("Not running", icon=":material/visibility_off:", color="red"),
    State.NEVER: lambda: st.badge("Not running", icon=":material/visibility_off:", color="red"),
}
