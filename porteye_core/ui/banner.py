"""Above every view, whatever it shows: the word that nobody watches, and what to do about it."""

from pathlib import Path

import streamlit as st

from porteye_core.errors import StoreError
from porteye_core.restarts import Restarts
from porteye_core.store.reading import State, Status, monitor_status
from porteye_core.ui import times, url_state
from porteye_core.ui.context import now
from porteye_core.ui.markdown import literal
from porteye_core.ui.monitor_panel import remedy, start


def draw(db: Path, restarts: Restarts) -> None:
    """Keep a place above the view, which takes no room while somebody watches."""
    with st.container(key="banner"):
        _banner(db, restarts)


@st.fragment(run_every=2)
def _banner(db: Path, restarts: Restarts) -> None:
    url_state.acknowledge()
    try:
        state = monitor_status(db, now())
    except StoreError as err:
        st.warning(f"**The database cannot be shown.** {literal(err)}", icon=":material/database:")
        return
    if state.state in (State.STOPPED, State.NEVER):
        _not_running(state, remedy(db, restarts))
    else:
        _SAY[state.state](state, db)


def _not_running(state: Status, advice: str) -> None:
    watch = state.watch
    if watch is None:
        said = "**No monitor is running**, and none has watched into this database yet."
    elif watch.stopped_at is not None:
        said = (
            f"**The monitor is not running:** it was stopped {times.plain(watch.stopped_at)}."
            " What has opened or closed since is not known."
        )
    else:
        said = (
            "**The monitor is not running:** it ended without recording a stop, and last watched"
            f" {times.plain(watch.seen_at)}. What has opened or closed since is not known."
        )
    st.warning(f"{said} {advice}", icon=":material/visibility_off:")


def _stalled(state: Status, db: Path) -> None:
    seen = f" since {times.plain(state.watch.seen_at)}" if state.watch else ""
    st.warning(
        f"**The monitor cannot scan:** it runs, pid {state.pid}, but has recorded nothing{seen}."
        f" Its log says why; if it hangs, end it. {start(db, again=True)}",
        icon=":material/warning:",
    )


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
