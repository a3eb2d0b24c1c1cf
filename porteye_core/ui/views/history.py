"""History: what opened and closed, newest first, and all of it as CSV."""

import sqlite3
from typing import Any

import streamlit as st

from porteye_core.store import frames
from porteye_core.store.export import history_csv
from porteye_core.store.reader import open_reader
from porteye_core.ui.context import View, viewers_zone
from porteye_core.ui.layout import table_height
from porteye_core.ui.monitor_state import read

_COLUMNS: dict[str, Any] = {
    "at": st.column_config.DatetimeColumn(
        "Time", format="YYYY-MM-DD HH:mm:ss.SSS", width=190, help="In your time zone"
    ),
    "kind": st.column_config.TextColumn("Event", width=76),
    "seen": st.column_config.TextColumn(
        "Seen",
        width=60,
        help="How exact the time is — kernel: to the microsecond; poll: within one interval"
        " before it; gap: some time before it, while nobody watched",
    ),
    "port": st.column_config.NumberColumn("Port", format="%d", width=64),
    "service": st.column_config.TextColumn("Service", width=92),
    "address": st.column_config.TextColumn("Address", width=110),
    "protocol": st.column_config.TextColumn("Proto", width=56),
    "process": st.column_config.TextColumn("Process", width=130),
    "pid": st.column_config.NumberColumn("PID", format="%d", width=72),
    "user": st.column_config.TextColumn("User", width=84),
    "cmdline": st.column_config.TextColumn("Command line", width=320),
}


@st.fragment(run_every=5)
def newest() -> None:
    """The newest events that the filters let through."""
    view = View.current()
    read(view.db, lambda connection: _show(connection, view))


def _show(connection: sqlite3.Connection, view: View) -> None:
    table = frames.history(connection, view.filters)
    total = frames.event_count(connection, view.filters)
    if table.empty:
        st.info("No event that the filters let through is recorded in this time range.")
        return
    st.caption(f"Showing the newest {len(table):,} of {total:,} events.")
    table["at"] = table["at"].dt.tz_convert(viewers_zone())
    st.dataframe(
        table,
        column_order=list(_COLUMNS),
        column_config=_COLUMNS,
        hide_index=True,
        height=table_height(len(table)),
        key="events",
        placeholder="",
    )


def export() -> None:
    """A button that makes the file only when it is asked for."""
    view = View.current()

    def whole() -> bytes:
        with open_reader(view.db) as connection:
            return "".join(history_csv(connection, view.filters)).encode()

    st.download_button(
        "Export the whole filtered history as CSV",
        whole,
        file_name="porteye-history.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


export()
newest()
