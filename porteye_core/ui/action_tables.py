"""Tables of what viewers have stopped from the page: of one listener, and of all."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from porteye_core.errors import StoreError, StoreMissing
from porteye_core.store.alerts import TakenAction, actions_of, newest_actions, open_to_read
from porteye_core.ui.context import View, viewers_zone
from porteye_core.ui.layout import show_table
from porteye_core.ui.markdown import literal

_MOST = 100
_UNKNOWN = "not known: the dashboard ended meanwhile"
_COLUMNS = {
    "at": st.column_config.DatetimeColumn(
        "Time", format="YYYY-MM-DD HH:mm:ss", width=168, help="In your time zone"
    ),
    "author": st.column_config.TextColumn("Who", width=180),
    "what": st.column_config.TextColumn("Action", width=280),
    "by": st.column_config.TextColumn("How", width=200),
    "outcome": st.column_config.TextColumn("Outcome", width=520),
}


def draw_of(listener: int) -> None:
    """Draw what viewers did to a listener, if anything."""
    found = _read(listener)
    if found:
        st.subheader("Stopped from the page", anchor=False)
        _table(found, "actions_of_listener")


def draw_newest() -> None:
    """Draw the newest of all, if there are any, or if the page may stop processes."""
    found = _read()
    if not found and not View.current().stops:
        return
    cut = f", the latest {_MOST}" if len(found) == _MOST else ""
    st.markdown(f"#### Stopped from the page{cut}")
    if not found:
        st.markdown(":material/check: Nobody has stopped anything from the page.")
        return
    _table(found, "actions")


def _read(listener: int | None = None) -> list[TakenAction]:
    """The newest actions on a listener, or of all; of a host of a fleet none."""
    view = View.current()
    if view.of_host:
        return []
    try:
        with open_to_read(view.alerts_file) as connection:
            if listener is not None:
                return actions_of(connection, listener, _MOST)
            return newest_actions(connection, _MOST)
    except StoreMissing:
        return []
    except StoreError as err:
        st.caption(literal(err))
        return []


def _table(found: Sequence[TakenAction], key: str) -> None:
    frame = pd.DataFrame(
        {
            "at": pd.to_datetime([each.at for each in found], unit="us", utc=True),
            "author": [each.author for each in found],
            "what": [each.what for each in found],
            "by": [f"systemctl stop {each.unit}" if each.unit else each.signal for each in found],
            "outcome": [each.outcome or _UNKNOWN for each in found],
        }
    )
    frame["at"] = frame["at"].dt.tz_convert(viewers_zone())
    show_table(frame, _COLUMNS, ("at", "what", "outcome"), key=key, alt="What viewers have stopped")
