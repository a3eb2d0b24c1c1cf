"""Above every view, whatever it shows: the word that nobody watches, and what to do about it."""

from pathlib import Path

import streamlit as st

from porteye_core.config import monitor_command
from porteye_core.errors import StoreError
from porteye_core.restarts import Restarts
from porteye_core.store.database import Database
from porteye_core.store.reading import State, Status, monitor_status
from porteye_core.ui import advice, times, url_state
from porteye_core.ui.advice import Advice
from porteye_core.ui.context import now, viewers_zone
from porteye_core.ui.markdown import literal

_MANY_TRIES = 3  # a monitor that fails so often does not start by itself


def draw(db: Database, restarts: Restarts) -> None:
    """Keep a place above the view, which takes no room while somebody watches."""
    with st.container(key="banner"):
        if isinstance(db, Path):
            _banner(db, restarts)
            return
        from porteye_core.ui import host_banner  # noqa: PLC0415 - needs psycopg

        host_banner.draw(db)


@st.fragment(run_every=2)
def _banner(db: Path, restarts: Restarts) -> None:
    url_state.acknowledge()
    try:
        state = monitor_status(db, now())
    except StoreError as err:
        st.warning(f"**The database cannot be shown.** {literal(err)}", icon=":material/database:")
        return
    if state.state in (State.STOPPED, State.NEVER):
        _not_running(state, db, restarts)
    else:
        _SAY[state.state](state, db)


def _not_running(state: Status, db: Path, restarts: Restarts) -> None:
    said = f"{_elsewhere(state)} {_ended(state)} {next_try(restarts)}".strip()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.warning(said, icon=":material/visibility_off:", width="stretch")
        if restarts.pending is not None:
            st.button("Start it", key="start_monitor", type="primary", on_click=restarts.ask)
        if restarts.pending is None or restarts.pending.tries > _MANY_TRIES:
            advice.how(Advice("", monitor_command(db)), "How to start it")


def _elsewhere(state: Status) -> str:
    """Say whose the database is, empty for this machine's."""
    if not state.is_elsewhere:
        return ""
    return (
        f"**This database is of another machine, {literal(state.host)}.** What listens here is not"
        " known."
    )


def _ended(state: Status) -> str:
    watch = state.watch
    if watch is None:
        return "**No monitor has watched yet:** nothing is recorded."
    at = literal(times.moment(watch.stopped_at or watch.seen_at, now(), viewers_zone()))
    how = "was stopped" if watch.stopped_at is not None else "ended abruptly"
    return f"**The monitor {how}** {at}: nothing is recorded since."


def next_try(restarts: Restarts) -> str:
    """The next try of this dashboard to start a monitor; empty if it starts none."""
    pending = restarts.pending
    if pending is None:
        return ""
    wait = times.length(max(0, pending.at - now()) // 1_000_000 * 1_000_000)
    return f"{pending.ended} This dashboard starts another in {wait}."


def _stalled(state: Status, db: Path) -> None:
    seen = f" since {times.plain(state.watch.seen_at)}" if state.watch else ""
    st.warning(
        f"**The monitor cannot scan:** it runs, pid {state.pid}, but has recorded nothing{seen}."
        " Its log says why; if it hangs, end it and start it again.",
        icon=":material/warning:",
    )
    advice.how(Advice("", monitor_command(db)), "How to start it")


def _holding(state: Status, _db: Path) -> None:
    watch = state.watch
    seen = f" Stored is what was seen until {times.plain(watch.seen_at)}." if watch else ""
    st.warning(
        f"**The monitor cannot write**, and keeps in memory what it sees until it can, pid"
        f" {state.pid}.{seen} {literal(state.trouble)}",
        icon=":material/database_off:",
    )


def _starting(_state: Status, _db: Path) -> None:
    st.info(
        "**The monitor is starting:** the first scan is a moment away.",
        icon=":material/hourglass_empty:",
    )


def _nothing(_state: Status, _db: Path) -> None:
    """All is well."""


_SAY = {
    State.WATCHING: _nothing,
    State.STARTING: _starting,
    State.HOLDING: _holding,
    State.STALLED: _stalled,
}
