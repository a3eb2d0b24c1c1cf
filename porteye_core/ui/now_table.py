"""The table of what listens now: its columns and the colours of its rows."""

from typing import Any

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from porteye_core.ui import row_selection
from porteye_core.ui.layout import ADDRESS_HELP, in_order, table_height

KEY = "listeners"
# Half transparent, so that the text keeps its contrast on light and dark alike.
_COLOURS = {"new": "rgba(0, 158, 115, 0.28)", "closed": "rgba(213, 94, 0, 0.30)"}

# As wide as a window of 1280 pixels leaves room for, up to “Since”.
_COLUMNS: dict[str, Any] = {
    "state": st.column_config.TextColumn(
        "State",
        width=48,
        help="new: opened in the last minute; closed: in the last ten seconds; unseen: it can no"
        " longer be looked for, so that it may have closed",
    ),
    "port": st.column_config.NumberColumn("Port", format="%d", width=50),
    "protocol": st.column_config.TextColumn("Proto", width=40),
    "service": st.column_config.TextColumn("Service", width=52),
    "exposure": st.column_config.TextColumn(
        "Reachable from",
        width=112,
        help="What its address, interface and namespace let in; a firewall may let in less",
    ),
    "address": st.column_config.TextColumn("Address", width=84, help=ADDRESS_HELP),
    "process": st.column_config.TextColumn(
        "Process", width=104, help="Of an interpreter what it runs, with its name beside"
    ),
    "home": st.column_config.TextColumn(
        "Unit", width=61, help="Its systemd unit, without “.service”, or its container"
    ),
    "user": st.column_config.TextColumn("User", width=54),
    "clients": st.column_config.NumberColumn(
        "Clients", format="%d", width=50, help="Established connections"
    ),
    "accept_queue": st.column_config.TextColumn(
        "Queue",
        width=60,
        help="Connections that wait to be accepted / how many may: the accept queue and backlog",
    ),
    "cpu": st.column_config.NumberColumn(
        "CPU %", format="%.1f", width=44, help="Of one core, since the sample before"
    ),
    "cpu_trend": st.column_config.LineChartColumn(
        "1 h", width=36, y_min=0, help="CPU: the mean of each five minutes of the last hour"
    ),
    "rss": st.column_config.NumberColumn("Memory", format="bytes", width=62),
    "rss_trend": st.column_config.LineChartColumn(
        "1 h", width=36, y_min=0, help="Memory: the most in each five minutes of the last hour"
    ),
    "since": st.column_config.DatetimeColumn(
        "Since",
        format="MM-DD HH:mm",
        width=80,
        help="In your time zone; the story has the exact time",
    ),
    "opened_seen": st.column_config.TextColumn(
        "Seen",
        width=54,
        help="How exact “Since” is — kernel: to the microsecond; poll: opened within one interval"
        " before it; gap: opened some time before it, while nobody watched",
    ),
    "pid": st.column_config.NumberColumn("PID", format="%d", width=64),
    "cmdline": st.column_config.TextColumn("Command line", width=240),
    "parents": st.column_config.TextColumn("Started by", width=240),
}
_ON_A_PHONE = ("state", "port", "process", "exposure")


def draw(table: pd.DataFrame) -> None:
    """Draw the table; the picked row stays picked wherever it moves."""
    row_selection.follow(KEY, table["id"].tolist())
    table["accept_queue"] = [
        "" if pd.isna(backlog) else f"{queue} / {backlog}"
        for queue, backlog in zip(table["queue"], table["backlog"], strict=True)
    ]
    columns = in_order(_COLUMNS, _ON_A_PHONE)
    st.dataframe(
        _coloured(table[columns]),
        column_order=columns,
        column_config=_COLUMNS,
        hide_index=True,
        height=table_height(len(table)),
        key=KEY,
        placeholder="",
        alt="What listens now",
        on_select=lambda: row_selection.pick(KEY),
        selection_mode="single-row",
    )


def _coloured(table: pd.DataFrame) -> "pd.DataFrame | Styler":
    """The table with a colour for each row that has a state.

    A Styler costs 80 ms for 1,000 rows, so that a table without such rows goes without.
    """
    if not table["state"].any():
        return table
    styles = pd.DataFrame("", index=table.index, columns=table.columns)
    for state, colour in _COLOURS.items():
        styles.loc[table["state"] == state] = f"background-color: {colour}"
    return table.style.apply(lambda _: styles, axis=None)
