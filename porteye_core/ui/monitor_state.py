"""Is anybody watching? The sidebar's panel, and sentences for a view that has nothing to show."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from porteye_core.config import monitor_command
from porteye_core.errors import StoreError, StoreMissing
from porteye_core.store import lock
from porteye_core.store.reader import open_reader
from porteye_core.store.status import State, Status, status
from porteye_core.ui.context import local
from porteye_core.ui.markdown import code, literal


def start(db: Path) -> str:
    """What to do where no monitor runs."""
    return f"Start it with {code(monitor_command(db))}."


def now() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


def read(db: Path, draw: Callable[[sqlite3.Connection], None]) -> None:
    """Draw a view from one moment of the database, or the sentence that says why there is none."""
    try:
        with open_reader(db) as connection:
            draw(connection)
    except StoreMissing:
        if lock.holder(db):
            st.info("The monitor is starting: the first look is a moment away.")
        else:
            st.info(f"Nothing is recorded yet, and no monitor is running. {start(db)}")
    except StoreError as err:
        st.warning(literal(err), icon=":material/database:")


@st.fragment(run_every=2)
def panel(db: Path) -> None:
    """The state of the monitor, kept up to date by itself."""
    st.subheader("Monitor", anchor=False)
    try:
        with open_reader(db) as connection:
            current = status(connection, db, now())
    except StoreMissing:
        current = Status(State.STARTING if lock.holder(db) else State.NEVER, None, None)
    except StoreError as err:
        st.badge("Not readable", icon=":material/database:", color="orange")
        st.caption(literal(err))
        return
    _BADGES[current.state]()
    _details(current, db)


def _details(current: Status, db: Path) -> None:
    if current.watch is None:
        if current.state is State.NEVER:
            st.caption(f"Nobody has watched yet. {start(db)}")
        return
    watch = current.watch
    if current.state is State.STOPPED:
        ended = watch.stopped_at or watch.seen_at
        how = "stopped" if watch.stopped_at else "was last seen"
        st.caption(f"It {how} {local(ended)}. {start(db)}")
        return
    if current.state is State.STALLED:
        moment = local(watch.seen_at)
        st.caption(f"It has not been able to look since {moment}. See its log.")
    plan = watch.plan
    st.caption(
        f"Since {local(watch.started_at)}, pid {current.pid},"
        f" by **{literal(plan.source)}** every"
        f" {plan.interval_us / 1e6:g} s."
    )
    if plan.why:
        st.caption(f":material/help: {literal(plan.why)}")
    if current.hidden:
        verb = "listener has" if current.hidden == 1 else "listeners have"
        st.caption(f"{current.hidden} {verb} no known owner.")
    if current.lost:
        st.caption(f":orange[{current.lost} kernel records were lost.]")
    for limit in plan.limits:
        hint = f" {code(limit.hint)}" if limit.hint else ""
        st.caption(f":material/info: {literal(limit.text)}{hint}")


_BADGES = {
    State.WATCHING: lambda: st.badge("Watching", icon=":material/visibility:", color="green"),
    State.STARTING: lambda: st.badge("Starting", icon=":material/hourglass_empty:", color="blue"),
    State.STALLED: lambda: st.badge("Cannot look", icon=":material/warning:", color="orange"),
    State.STOPPED: lambda: st.badge("Not running", icon=":material/visibility_off:", color="red"),
    State.NEVER: lambda: st.badge("Not running", icon=":material/visibility_off:", color="red"),
}


def notice_if_not_current(current: Status, db: Path) -> None:
    """Say above a view of now that it is not now."""
    watch = current.watch
    if current.state in (State.STOPPED, State.NEVER):
        seen = f" What follows was last seen {local(watch.seen_at)}." if watch else ""
        st.warning(
            f"The monitor is not running.{seen} {start(db)}", icon=":material/visibility_off:"
        )
    elif current.state is State.STALLED and watch:
        st.warning(
            f"The monitor runs, but has not been able to look since {local(watch.seen_at)}.",
            icon=":material/warning:",
        )
    elif current.state is State.STARTING:
        st.info("The monitor is starting: the first look is a moment away.")
