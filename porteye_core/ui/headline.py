"""The numbers above what listens now, each with the hour before it."""

import pandas as pd
import streamlit as st

from porteye_core.exposure import Exposure
from porteye_core.store.reading import LastHour
from porteye_core.ui.spark import spark

_REACHABLE = [each.value for each in Exposure if each.is_reachable]
_LAST_HOUR = "The line shows the last hour, a point for each five minutes."


def headline(table: pd.DataFrame, hour: LastHour) -> None:
    """Draw the numbers of these listeners; those that have just closed do not count, nor those that
    can no longer be looked for."""
    still = table[~table["closed"] & ~table["unseen"]]
    pressed = (still["backlog"] > 0) & (still["queue"] * 2 >= still["backlog"])
    numbers = {
        "Listeners": (len(still), hour.open, "Open now."),
        "Reachable": (
            int(still["exposure"].isin(_REACHABLE).sum()),
            hour.reachable,
            "Bound where other machines may reach it; a firewall may let fewer through.",
        ),
        "Opened": (sum(hour.opened), hour.opened, "In the last hour."),
        "Closed": (sum(hour.closed), hour.closed, "In the last hour."),
        "Full queues": (
            int(pressed.fillna(value=False).sum()),
            hour.pressed,
            "Accept queues that are half full or more: clients wait there to be accepted.",
        ),
    }
    with st.container(horizontal=True, key="headline"):
        for label, (value, line, explained) in numbers.items():
            with st.container(border=True, gap=None):
                st.metric(label, f"{value:,}", help=f"{explained} {_LAST_HOUR}")
                st.html(spark(line))
