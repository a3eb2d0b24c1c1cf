"""The recording periods, the gaps between and within them, and the events that were lost."""

from typing import Any

import pandas as pd
import streamlit as st

from porteye_core.store.reading import WatchTables
from porteye_core.ui import times
from porteye_core.ui.context import viewers_zone
from porteye_core.ui.layout import show_table

_SPAN: dict[str, Any] = {
    "from": st.column_config.DatetimeColumn(
        "From", format="YYYY-MM-DD HH:mm:ss", width=168, help="In your time zone"
    ),
    "until": st.column_config.DatetimeColumn(
        "Until", format="YYYY-MM-DD HH:mm:ss", width=168, help="In your time zone"
    ),
    "how long": st.column_config.TextColumn("How long", width=90),
}
_WATCHES = _SPAN | {
    "ended": st.column_config.TextColumn("How it ended", width=140),
    "source": st.column_config.TextColumn("Source", width=84),
    "why": st.column_config.TextColumn("Why this source", width=250),
    "pid": st.column_config.NumberColumn("PID", format="%d", width=64),
    "version": st.column_config.TextColumn("Version", width=64),
}
_GAPS = _SPAN | {"reason": st.column_config.TextColumn("Reason", width=520)}
_LOSSES = {
    "at": st.column_config.DatetimeColumn(
        "Noticed", format="YYYY-MM-DD HH:mm:ss", width=168, help="In your time zone"
    ),
    "lost": st.column_config.NumberColumn("Events lost", format="%d", width=100),
}


def draw_gaps(watched: WatchTables, lost: pd.DataFrame, *, more: bool) -> None:
    """Draw when nobody watched, and when kernel events were lost."""
    st.markdown(f"#### Gaps{_cut(len(watched.gaps), watched.total_gaps)}")
    if watched.gaps.empty:
        st.markdown(":material/check: A monitor watched all the time.")
    else:
        _table(watched.gaps, _GAPS, "reason", "gaps", "When nobody watched, and why")
    if lost.empty:
        st.markdown(":material/check: No kernel event was lost.")
        return
    st.markdown(
        f":material/warning: {lost['lost'].sum():,} kernel events were lost"
        f"{', the newest hundred times of more' if more else ''}. What they would have told, the"
        " scan after each found."
    )
    lost["at"] = lost["at"].dt.tz_convert(viewers_zone())
    show_table(lost, _LOSSES, (), key="lost", alt="When kernel events were lost")


def draw_periods(watched: WatchTables) -> None:
    """Draw when somebody watched."""
    st.markdown(f"#### Recording periods{_cut(len(watched.watches), watched.total)}")
    _table(watched.watches, _WATCHES, "ended", "watches", "When somebody watched")


def _table(frame: pd.DataFrame, columns: dict[str, Any], word: str, key: str, alt: str) -> None:
    frame["how long"] = [times.length(micros) for micros in frame["length"]]
    for edge in ("from", "until"):
        frame[edge] = frame[edge].dt.tz_convert(viewers_zone())
    show_table(frame, columns, ("from", "how long", word), key=key, alt=alt)


def _cut(shown: int, total: int) -> str:
    return "" if shown == total else f", the latest {shown:,} of {total:,}"
