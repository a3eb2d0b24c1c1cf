"""Now: what listens now, refreshed by itself."""

import sqlite3
from typing import NamedTuple

import pandas as pd
import streamlit as st

from porteye_core.model import Filters
from porteye_core.store.frames.last_hour import LastHour, last_hour, trends
from porteye_core.store.frames.listeners import listening
from porteye_core.store.status import Status, status
from porteye_core.ui import now_table
from porteye_core.ui.context import View, viewers_zone
from porteye_core.ui.headline import headline
from porteye_core.ui.monitor_state import now, read
from porteye_core.ui.picking import picked
from porteye_core.ui.told import tell

_JUST_OPENED, _JUST_CLOSED = 60, 10  # seconds
_KEPT = "now_read"


class _Read(NamedTuple):
    """What was read of the database, and the state of it that it was read in."""

    of: tuple[object, ...]
    table: pd.DataFrame
    hour: LastHour


@st.fragment(run_every=2)
def listening_now() -> None:
    """The numbers and the table; only these are drawn anew every two seconds."""
    view = View.current()
    read(view.db, lambda connection: _draw(connection, view))


def _draw(connection: sqlite3.Connection, view: View) -> None:
    moment = now()
    current = status(connection, view.db, moment)
    found = _read(connection, view.filters, moment)
    table = _with_states(found.table, current, moment)
    headline(table, found.hour)
    if table.empty:
        st.info(
            "Nothing that the filters let through listens now."
            if current.is_current
            else "Nothing that the filters let through listened when the monitor last watched."
        )
        return
    table["since"] = table["since"].dt.tz_convert(viewers_zone())
    with st.container(key="told"):
        tell(connection, picked(now_table.KEY, table["id"].tolist()), current, moment)
    now_table.draw(table)


def _read(connection: sqlite3.Connection, filters: Filters, moment: int) -> _Read:
    """What listens now, read again only when something was stored or a row has to go."""
    newest = connection.execute(
        "SELECT (SELECT max(id) FROM event), (SELECT max(id) FROM tick)"
    ).fetchone()
    of = (*newest, filters, moment // (_JUST_CLOSED * 1_000_000))
    kept: _Read | None = st.session_state.get(_KEPT)
    if kept is None or kept.of != of:
        table = listening(connection, filters, moment, moment - _JUST_CLOSED * 1_000_000)
        cpu, rss = trends(connection, moment)
        table["cpu_trend"] = [cpu.get(number, []) for number in table["id"]]
        table["rss_trend"] = [rss.get(number, []) for number in table["id"]]
        kept = _Read(of, table, last_hour(connection, filters, table, moment))
        st.session_state[_KEPT] = kept
    return kept


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
