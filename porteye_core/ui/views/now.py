"""Now: what listens now, refreshed by itself."""

import sqlite3
from typing import Any

import pandas as pd
import streamlit as st

from porteye_core.store.frames import listeners
from porteye_core.store.status import status
from porteye_core.ui.context import View, viewers_zone
from porteye_core.ui.layout import show_table
from porteye_core.ui.monitor_state import now, read

_JUST_OPENED = 60  # seconds
_EXPLAINED = {"New": "Opened in the last minute"}

# As wide as a window of 1280 pixels leaves room for, up to “Since”.
_COLUMNS: dict[str, Any] = {
    "mark": st.column_config.TextColumn("", width=28, help="● Opened in the last minute"),
    "port": st.column_config.NumberColumn("Port", format="%d", width=56),
    "service": st.column_config.TextColumn("Service", width=76),
    "address": st.column_config.TextColumn("Address", width=84),
    "protocol": st.column_config.TextColumn("Proto", width=48),
    "process": st.column_config.TextColumn("Process", width=92),
    "pid": st.column_config.NumberColumn("PID", format="%d", width=64),
    "user": st.column_config.TextColumn("User", width=56),
    "cmdline": st.column_config.TextColumn("Command line", width=110),
    "cpu": st.column_config.NumberColumn(
        "CPU %", format="%.1f", width=58, help="Of one core, since the sample before"
    ),
    "rss": st.column_config.NumberColumn("Memory", format="bytes", width=76),
    "clients": st.column_config.NumberColumn(
        "Clients", format="%d", width=60, help="Established connections"
    ),
    "since": st.column_config.DatetimeColumn(
        "Since", format="MM-DD HH:mm:ss", width=106, help="In your time zone"
    ),
    "opened_seen": st.column_config.TextColumn(
        "Seen",
        width=60,
        help="How exact “Since” is — kernel: to the microsecond; poll: opened within one interval"
        " before it; gap: opened some time before it, while nobody watched",
    ),
    "queue": st.column_config.NumberColumn(
        "Queue", format="%d", width=60, help="Connections that wait to be accepted"
    ),
    "backlog": st.column_config.NumberColumn("Backlog", format="%d", width=68),
    "unit": st.column_config.TextColumn("Unit", width=120),
    "container": st.column_config.TextColumn("Container", width=120),
    "parents": st.column_config.TextColumn("Started by", width=240),
}
_ON_A_PHONE = ("mark", "port", "process", "address")


@st.fragment(run_every=2)
def listening() -> None:
    """The counts and the table; only these are drawn anew every two seconds."""
    view = View.current()
    read(view.db, lambda connection: _draw(connection, view))


def _draw(connection: sqlite3.Connection, view: View) -> None:
    moment = now()
    current = status(connection, view.db, moment)
    table = listeners.listening(connection, view.asked(moment), moment)
    # What opened while nobody watched, or before everybody stopped, is not known to be new.
    fresh = (table["age"] < _JUST_OPENED) & (table["opened_seen"] != "gap") & current.is_current
    _show(table, fresh)


def _show(table: pd.DataFrame, fresh: "pd.Series[bool]") -> None:
    _counts(table, int(fresh.sum()))
    if table.empty:
        st.info("Nothing that the filters let through listens now.")
        return
    table["mark"] = fresh.map({True: "●", False: ""})
    table["since"] = table["since"].dt.tz_convert(viewers_zone())
    show_table(table, _COLUMNS, _ON_A_PHONE, key="listeners", alt="What listens now")


def _counts(table: pd.DataFrame, fresh: int) -> None:
    counts = {
        "Listeners": len(table),
        "TCP": int((table["protocol"] == "tcp").sum()),
        "UDP": int((table["protocol"] == "udp").sum()),
        "Processes": int(table["pid"].nunique()),
        "Clients": int(table["clients"].sum()),
        "New": fresh,
    }
    with st.container(horizontal=True):
        for label, value in counts.items():
            st.metric(label, f"{value:,}", border=True, help=_EXPLAINED.get(label))


listening()
