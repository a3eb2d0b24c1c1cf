"""Timeline: what was open over time, and a cursor that shows any moment of it: what listened then,
what changed around it, and what changed to another moment."""

from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from porteye_core.model import Filters
from porteye_core.store.reading import Changes, MomentCoverage, Reader, Status, summary
from porteye_core.ui import (
    chart_zoom,
    cursor_url,
    moment_controls,
    moment_tables,
    time_range,
    timeline_charts,
)
from porteye_core.ui.context import View, local, now, read, viewers_zone
from porteye_core.ui.cursor_url import AROUND, Cursor
from porteye_core.ui.layout import is_phone
from porteye_core.ui.listener_drawer import open_drawer
from porteye_core.ui.markdown import literal
from porteye_core.ui.session_cache import cached
from porteye_core.ui.times import dated

_REFRESH = 30  # seconds
_MINUTE = 60 * 1_000_000
_KEPT = "moment_found"


@dataclass(frozen=True, slots=True)
class _AtCursor:
    """Knowledge of the cursor; around: changes around it; compared: those to the other moment."""

    at: int
    coverage: MomentCoverage
    listeners: pd.DataFrame
    around: Changes | None
    compared: Changes | None


def controls(view: View) -> None:
    """The range, the field for a time, and the steps."""
    cursor_url.cursor()
    with st.container(horizontal=True, vertical_alignment="top", key="when"):
        time_range.pills()
        moment_controls.field("at", "Go to a time", 300)
    moment_controls.errors()
    moment_controls.steps(view)


def timeline() -> None:
    """The charts of the range, and the moment of the cursor."""
    if chart_zoom.is_new():
        st.rerun()  # the sidebar and the address stand outside of this fragment
    view = View.current()
    cursor = cursor_url.cursor()
    cursor_url.write()
    read(view.db, lambda reader: _draw(reader, view, cursor))


def _draw(reader: Reader, view: View, cursor: Cursor) -> None:
    moment = now()
    filters = view.filters_at(moment)
    range_ = reader.timeline_range(filters, moment)
    if range_ is None:
        st.info("This time range has not begun yet.")
        return
    found = _at_cursor(reader, filters, cursor, moment, range_)
    _headline(found, cursor.around or AROUND)
    if is_phone():
        _tables(view, cursor, found)
    at = None if found is None else found.at
    click = timeline_charts.draw(reader, view, moment, *range_, at)
    if not is_phone():
        _tables(view, cursor, found)
    if click is not None and click.listener is not None:
        open_drawer(click.listener)
    if click is not None and click.at is not None:
        cursor_url.set_at(click.at)
        st.rerun()


def _at_cursor(
    reader: Reader, filters: Filters, cursor: Cursor, moment: int, range_: tuple[int, int]
) -> _AtCursor | None:
    """Find out about the cursor; None with a sentence if nothing can be known of it."""
    current = reader.status(moment)
    at = cursor.at if cursor.at is not None else _newest(reader, filters, range_)
    moment_controls.shown(at)
    if at > moment:
        st.info(literal(f"{_time(at)} has not come yet."))
        return None
    how = reader.coverage_at(at, watching=current.is_current)
    if how.gap is not None and how.gap.start is None:
        first = "" if how.gap.end is None else f" The first watch began {local(how.gap.end)}."
        st.info(literal(f"Nobody watched yet at {_time(at)}.{first}"))
        return None
    minutes = cursor.around or AROUND
    always = replace(filters, since=None, until=None)

    def ask() -> _AtCursor:
        return _AtCursor(
            at,
            how,
            reader.open_at(always, at, how),
            _changes(reader, always, at - minutes * _MINUTE, at + minutes * _MINUTE, current),
            None if cursor.versus is None else _changes(reader, always, at, cursor.versus, current),
        )

    # An owner that is learnt later need not come with an event.
    of = reader.version().of_events, always, at, cursor, current.is_current, moment // _MINUTE
    return cached(_KEPT, of, ask)


def _newest(reader: Reader, filters: Filters, range_: tuple[int, int]) -> int:
    """The newest change of the range, or its end."""
    since, until = range_
    at = reader.previous_change(filters, until + 1)
    return until if at is None or at < since else at


def _changes(
    reader: Reader, filters: Filters, one: int, other: int, current: Status
) -> Changes | None:
    first, second = sorted((one, other))
    return reader.changes(filters, first, min(second, now()), watching=current.is_current)


def _headline(found: _AtCursor | None, minutes: int) -> None:
    """The answer in two lines: what listened then, and what changed around it."""
    if found is None:
        return
    with st.container(key="headline"):
        counted = literal(moment_tables.counted(found.listeners))
        st.markdown(f"**{literal(_time(found.at))}** · {counted}")
        around = "" if found.around is None else summary(found.around.rows)
        st.caption(literal(f"± {minutes} min: {around}.") if around else "")
    moment_tables.warn(found.at, found.coverage)


def _tables(view: View, cursor: Cursor, found: _AtCursor | None) -> None:
    if found is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="moment"):
        shows = "compare" if cursor.versus is not None else "around" if cursor.around else "then"
        for name, label, short, icon, press in (
            ("then", "What listened then", "Then", "schedule", cursor_url.show),
            (
                *("around", "What changed around it", "Around it", "difference"),
                moment_controls.show_around,
            ),
            (
                *("compare", "Compare with now", "With now", "compare_arrows"),
                moment_controls.compare_with_now,
            ),
        ):
            st.button(
                short if is_phone() else label,
                key=f"show_{name}",
                icon=f":material/{icon}:",
                type="primary" if shows == name else "secondary",
                on_click=press,
            )
        if cursor.versus is not None:
            moment_controls.field("versus", "Compare with another time", 300)
    if cursor.versus is not None:
        words = " to ".join(_time(each) for each in sorted((found.at, cursor.versus)))
        _compared(view, found.compared, words)
    elif cursor.around:
        _compared(view, found.around, f"{_time(found.at)} ± {cursor.around} min")
    else:
        moment_tables.listeners(view, found.listeners, found.at)


def _compared(view: View, changes: Changes | None, words: str) -> None:
    if changes is None:
        st.info("Nothing was recorded yet.")
        return
    moment_tables.changed(view, changes, words, cursor_url.parameters())


def _time(micros: int) -> str:
    return dated(micros, now(), viewers_zone())


controls(View.current())
chart_zoom.way_back()
ends_now = View.current().filters.until is None
st.fragment(timeline, run_every=_REFRESH if ends_now else None)()
