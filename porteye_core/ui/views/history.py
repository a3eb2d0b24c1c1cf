"""History: what opened and closed, newest first, and all of it as CSV."""

import sqlite3
from pathlib import Path
from typing import Any

import streamlit as st

from porteye_core.errors import StoreError
from porteye_core.store.export import history_csv
from porteye_core.store.frames import events
from porteye_core.store.reader import open_reader
from porteye_core.ui.context import View, viewers_zone
from porteye_core.ui.layout import show_table
from porteye_core.ui.monitor_state import now, read

_EXPORTABLE = "exportable"

_COLUMNS: dict[str, Any] = {
    "at": st.column_config.DatetimeColumn(
        "Time", format="YYYY-MM-DD HH:mm:ss.SSS", width=158, help="In your time zone"
    ),
    "kind": st.column_config.TextColumn("Event", width=66),
    "seen": st.column_config.TextColumn(
        "Seen",
        width=54,
        help="How exact the time is — kernel: to the microsecond; poll: within one interval"
        " before it; gap: some time before it, while nobody watched",
    ),
    "port": st.column_config.NumberColumn("Port", format="%d", width=56),
    "service": st.column_config.TextColumn("Service", width=76),
    "address": st.column_config.TextColumn("Address", width=84),
    "protocol": st.column_config.TextColumn("Proto", width=48),
    "process": st.column_config.TextColumn("Process", width=92),
    "pid": st.column_config.NumberColumn("PID", format="%d", width=64),
    "user": st.column_config.TextColumn("User", width=56),
    "cmdline": st.column_config.TextColumn("Command line", width=160),
}
_ON_A_PHONE = ("at", "kind", "port", "process")


@st.fragment(run_every=5)
def newest() -> None:
    """The newest events that the filters let through."""
    view = View.current()
    if _readable(view.db) != st.session_state[_EXPORTABLE]:
        st.rerun()  # the button stands outside of this fragment
    read(view.db, lambda connection: _show(connection, view))


def _show(connection: sqlite3.Connection, view: View) -> None:
    filters = view.asked(now())
    table = events.history(connection, filters)
    total = events.event_count(connection, filters)
    if table.empty:
        st.info("No event that the filters let through is recorded in this time range.")
        return
    st.caption(f"Showing the newest {len(table):,} of {total:,} events.")
    table["at"] = table["at"].dt.tz_convert(viewers_zone())
    show_table(table, _COLUMNS, _ON_A_PHONE, key="events", alt="Events, the newest first")


def export() -> None:
    """A button that makes the file only when it is asked for, where there is something to read."""
    view = View.current()
    st.session_state[_EXPORTABLE] = _readable(view.db)
    if not st.session_state[_EXPORTABLE]:
        return

    def whole() -> bytes:
        with open_reader(view.db) as connection:
            return "".join(history_csv(connection, view.asked(now()))).encode()

    st.download_button(
        "Export the whole filtered history as CSV",
        whole,
        file_name="porteye-history.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _readable(db: Path) -> bool:
    try:
        with open_reader(db):
            return True
    except StoreError:
        return False


export()
newest()
