"""The table of what listens now: its columns and the colours of its rows."""

import pandas as pd
from pandas.io.formats.style import Styler

from porteye_core.ui import row_selection
from porteye_core.ui.layout import in_order, table_height
from porteye_core.ui.table_columns import columns

KEY = "listeners"
# Half transparent, so that the text keeps its contrast on light and dark alike.
_COLOURS = {"new": "rgba(0, 158, 115, 0.28)", "closed": "rgba(213, 94, 0, 0.30)"}

# As wide as a window of 1280 pixels leaves room for, up to “Since”.
_COLUMNS = columns(
    {
        "state": 48,
        "port": 50,
        "protocol": 40,
        "service": 52,
        "exposure": 112,
        "address": 84,
        "process": 104,
        "home": 61,
        "user": 54,
        "clients": 50,
        "accept_queue": 60,
        "cpu": 44,
        "cpu_trend": 36,
        "rss": 62,
        "rss_trend": 36,
        "since": 80,
        "opened_seen": 54,
        "pid": 64,
        "cmdline": 240,
        "parents": 240,
    }
)
_ON_A_PHONE = ("state", "port", "process", "exposure")


def draw(table: pd.DataFrame) -> int | None:
    """Draw the table, and return the listener whose row was just selected."""
    table["accept_queue"] = [
        "" if pd.isna(backlog) else f"{queue} / {backlog}"
        for queue, backlog in zip(table["queue"], table["backlog"], strict=True)
    ]
    shown = in_order(_COLUMNS, _ON_A_PHONE)
    return row_selection.table(
        _coloured(table[shown]),
        shown,
        _COLUMNS,
        key=KEY,
        ids=table["id"].tolist(),
        alt="What listens now",
        height=table_height(len(table)),
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
