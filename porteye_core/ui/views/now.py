"""Now: what listens now, refreshed by itself."""

from typing import NamedTuple

import pandas as pd
import streamlit as st

from porteye_core.model import Filters
from porteye_core.store.reading import LastHour, Reader, Status
from porteye_core.ui import kpi_row, now_table
from porteye_core.ui.context import View, now, read, viewers_zone
from porteye_core.ui.listener_drawer import open_drawer
from porteye_core.ui.session_cache import cached

_JUST_OPENED, _JUST_CLOSED = 60, 10  # seconds
_KEPT = "now_read"


class _Read(NamedTuple):
    """The table and the numbers above it."""

    table: pd.DataFrame
    hour: LastHour


@st.fragment(run_every=2)
def listening_now() -> None:
    """The numbers and the table; only these are drawn anew every two seconds."""
    view = View.current()
    read(view.db, lambda reader: _draw(reader, view))


def _draw(reader: Reader, view: View) -> None:
    moment = now()
    current = reader.status(moment)
    found = _read(reader, view.filters, moment)
    table = _with_states(found.table, current, moment)
    kpi_row.draw(table, found.hour)
    if table.empty:
        st.info(
            "Nothing that the filters let through listens now."
            if current.is_current
            else "Nothing that the filters let through listened when the monitor last watched."
        )
        return
    table["since"] = table["since"].dt.tz_convert(viewers_zone())
    selected = now_table.draw(table)
    if selected is not None:
        open_drawer(selected)


def _read(reader: Reader, filters: Filters, moment: int) -> _Read:
    """Read the listeners again only if something was stored or a row has to go."""
    just_closed = _JUST_CLOSED * 1_000_000

    def read_again() -> _Read:
        table = reader.open_now(filters, moment, moment - just_closed)
        cpu, rss = reader.trends(moment)
        table["cpu_trend"] = [cpu.get(listener_id, []) for listener_id in table["id"]]
        table["rss_trend"] = [rss.get(listener_id, []) for listener_id in table["id"]]
        return _Read(table, reader.last_hour(filters, table, moment))

    of = reader.version(), filters, moment // just_closed
    return cached(_KEPT, of, read_again)


def _with_states(table: pd.DataFrame, current: Status, moment: int) -> pd.DataFrame:
    """The rows with `state`: new, closed, unseen or empty."""
    at = pd.Timestamp(moment, unit="us", tz="UTC")
    gone = table["closed"] & (table["closed_at"] <= at - pd.Timedelta(seconds=_JUST_CLOSED))
    table = table[~gone].reset_index(drop=True)
    # What opened while nobody watched, or before everybody stopped, is not known to be new.
    fresh = (
        (table["since"] > at - pd.Timedelta(seconds=_JUST_OPENED))
        & (table["opened_seen"] != "gap")
        & current.is_current
    )
    state = fresh.map({True: "new", False: ""}).mask(table["unseen"], "unseen")
    table["state"] = state.mask(table["closed"], "closed")
    return table


listening_now()
