"""The charts of a range with their words, kept for as long as they would be the same."""

import sqlite3
from dataclasses import dataclass

import plotly.graph_objects as go
import streamlit as st

from porteye_core.charts import activity, heat, lives
from porteye_core.store.files import identity
from porteye_core.store.status import gaps, status
from porteye_core.ui.context import View, viewers_zone
from porteye_core.ui.timeline_data import Charted, charted

KEPT = "timeline_drawn"
# Time goes on by less than a pixel of a range before it is drawn anew, and by a minute at most: an
# owner that is learnt later need not come with an event.
_STEP, _LONGEST_STEP = 1 / 2000, 60 * 1_000_000

_DRIFTS = (
    "Some listeners changed hands in this range: the line counts what each program opened and"
    " closed, and is not exact."
)
_NO_MAP = "Nothing opened or closed in this time range: there is no map of events."


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure with its title, a note above it, a remark below it, and `alt` for those who do not
    see it."""

    key: str
    title: str
    figure: go.Figure
    alt: str
    note: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The charts of a range, none if no listener was open in it, and for how many seconds nobody
    watched."""

    charts: tuple[Chart, ...] = ()
    unwatched: float = 0.0


def drawn(connection: sqlite3.Connection, view: View, moment: int, since: int, until: int) -> Drawn:
    """The charts of a range, from the session if nothing has happened since they were drawn."""
    of = _state(connection, view, moment, since, until)
    kept: tuple[object, Drawn] | None = st.session_state.get(KEPT)
    if kept is None or kept[0] != of:
        found = charted(connection, view, moment, since, until)
        kept = of, Drawn() if found is None else _drawn(found)
        st.session_state[KEPT] = kept
    return kept[1]


def _state(
    connection: sqlite3.Connection, view: View, moment: int, since: int, until: int
) -> tuple[object, ...]:
    step = max(1, min(round((until - since) * _STEP), _LONGEST_STEP))
    begin, end = since // step * step, until // step * step
    watching = status(connection, view.db, moment).is_current
    stored = connection.execute(
        "SELECT (SELECT min(id) FROM event), (SELECT max(id) FROM event),"
        " (SELECT max(id) FROM process)"
    ).fetchone()
    unwatched = gaps(connection, begin, end, watching=watching)
    asked = identity(view.db), view.filters, viewers_zone(), begin, end
    return *asked, watching, *stored, *unwatched


def _drawn(found: Charted) -> Drawn:
    length = (found.gaps["end"] - found.gaps["start"]).dt.total_seconds().sum()
    charts = _open(found), _turnover(found), _lives(found)
    return Drawn((*charts, _heat(found)) if found.heat_rows else charts, float(length))


def _open(found: Charted) -> Chart:
    counts = found.turnover
    return Chart(
        "open",
        "Open over time",
        activity.open_listeners(counts, found.gaps, found.span),
        f"Line of how many listeners were open; {counts['open'].iloc[-1]} at the end.",
        remark=_DRIFTS if found.drifts else "",
    )


def _turnover(found: Charted) -> Chart:
    counts = found.turnover
    return Chart(
        "turnover",
        "Opened and closed",
        activity.turnover(counts, found.gaps, found.span, found.bucket),
        f"Bars of what opened and closed per {found.bucket};"
        f" {counts['opened'].sum()} opened and {counts['closed'].sum()} closed in all.",
    )


def _lives(found: Charted) -> Chart:
    return Chart(
        "lives",
        "Lives",
        lives.timeline(found.lives, found.merged, found.rows, found.gaps, found.span),
        f"Bars of when listeners were open on {len(found.rows)} of {found.ports} ports;"
        f" {found.count} lives in all.",
        _cut(found),
        "" if found.heat_rows else _NO_MAP,
    )


def _heat(found: Charted) -> Chart:
    return Chart(
        "heat",
        f"Events by port per {found.bucket_by_port}",
        heat.heat(found.cells, found.heat_rows, found.edges, found.gaps, found.span),
        f"Map of how many events each of {len(found.heat_rows)} ports had"
        f" in each {found.bucket_by_port}.",
        _cut_heat(found),
    )


def _cut(found: Charted) -> str:
    said = f"{found.count:,} {_plural(found.count, 'life', 'lives')}"
    said += f" on {found.ports:,} {_plural(found.ports, 'port', 'ports')}."
    if found.ports > len(found.rows):
        said += f" Showing the {len(found.rows)} busiest of {found.ports:,} ports."
    if found.crowded:
        said += (
            f" {found.crowded} of them had too many lives to draw one by one: a striped bar stands"
            f" for several, counted per {found.bucket_by_port}."
        )
    return said


def _cut_heat(found: Charted) -> str:
    if found.ports == len(found.heat_rows):
        return ""
    return (
        f"Showing the {len(found.heat_rows)} busiest of {found.ports:,} ports;"
        " a port without an event in this range has no row."
    )


def _plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else many
