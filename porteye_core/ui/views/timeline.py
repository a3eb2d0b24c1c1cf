"""Timeline: how many listeners were open over time, what opened and closed, and every life."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from porteye_core.charts import activity as counts
from porteye_core.charts import lives as bars
from porteye_core.model import Filters
from porteye_core.store.frames import activity, events
from porteye_core.store.status import gaps, status
from porteye_core.ui.context import View, viewers_zone
from porteye_core.ui.markdown import literal
from porteye_core.ui.monitor_state import now, read
from porteye_core.ui.ranges import bucket

_SHORTEST = 60 * 1_000_000  # a chart of less than a minute has no shape


def timeline() -> None:
    """The charts of the chosen range."""
    view = View.current()
    read(view.db, lambda connection: _in_range(connection, view))


def _in_range(connection: sqlite3.Connection, view: View) -> None:
    filters = view.asked(now())
    moment = now()
    until = moment if filters.until is None else min(filters.until, moment)
    if filters.since is not None and filters.since >= moment:
        st.info("This time range has not begun yet.")
        return
    begun = events.first_event_at(connection)
    # Before the first event there is nothing to draw, however long the range.
    since = max(filters.since or 0, until if begun is None else begun)
    since = min(since, until - _SHORTEST)
    _draw(connection, view.db, replace(filters, since=since, until=until), since, until)


def _draw(
    connection: sqlite3.Connection, db: Path, filters: Filters, since: int, until: int
) -> None:
    lives, total = activity.lives(connection, filters, since, until)
    if not total:
        st.info("No listener that the filters let through was open in this time range.")
        return
    name, length = bucket(until - since)
    buckets = activity.turnover(connection, filters, length)
    watching = status(connection, db, now()).is_current
    unwatched = activity.intervals(gaps(connection, since, until, watching=watching))
    zone = viewers_zone()
    for frame in (lives, buckets, unwatched):
        for column in frame.select_dtypes("datetimetz"):
            frame[column] = frame[column].dt.tz_convert(zone).dt.tz_localize(None)
    start, end = (
        pd.Timestamp(edge, unit="us", tz="UTC").tz_convert(zone).tz_localize(None)
        for edge in (since, until)
    )
    st.caption(f"Times are in {literal(zone.key)}. Nobody watched where the background is grey.")
    axis = (start, end)
    _chart(
        "Open over time",
        counts.open_listeners(buckets, unwatched, axis),
        f"Line of how many listeners were open; {buckets['open'].iloc[-1]} at the end.",
    )
    _chart(
        "Opened and closed",
        counts.turnover(buckets, unwatched, axis, name),
        f"Bars of what opened and closed per {name};"
        f" {buckets['opened'].sum()} opened and {buckets['closed'].sum()} closed in all.",
    )
    shown = "" if len(lives) == total else f", the latest {len(lives):,} of {total:,}"
    _chart(
        f"Lives{shown}",
        bars.timeline(lives, unwatched, axis),
        f"One bar for each of {len(lives)} listeners, from when it opened to when it closed.",
    )


def _chart(title: str, figure: go.Figure, alt: str) -> None:
    st.markdown(f"##### {title}")
    st.plotly_chart(figure, key=alt.split(maxsplit=1)[0], config={"displaylogo": False}, alt=alt)


timeline()
