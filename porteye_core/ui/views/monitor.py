"""Monitor: coverage and gaps, the way of watching, and what it costs."""

import pandas as pd
import streamlit as st

from porteye_core.store.reading import Reader, Status, WatchTables, gap_frame
from porteye_core.ui import (
    action_tables,
    advice,
    chart_zoom,
    monitor_charts,
    monitor_tables,
    time_range,
    times,
)
from porteye_core.ui.context import View, now, read, viewers_zone
from porteye_core.ui.markdown import literal
from porteye_core.ui.monitor_panel import in_words

_NOT_MEASURED = "–"


@st.fragment(run_every=10)
def monitor() -> None:
    """Everything about the watch, renewed as often as it is sampled."""
    if chart_zoom.is_new():
        st.rerun()  # the sidebar and the address stand outside of this fragment
    view = View.current()
    read(view.db, lambda reader: _show(reader, view))


def _show(reader: Reader, view: View) -> None:
    moment = now()
    current = reader.status(moment)
    if current.watch is None:
        st.info("No monitor has watched yet: there is nothing to say about it.")
        return
    filters = view.filters_at(moment)
    until = moment if filters.until is None else min(filters.until, moment)
    since = max(filters.since or 0, reader.first_watch() or 0)
    if since >= until:
        st.info("Nothing was watched in this time range.")
        return
    own = reader.monitor_usage(since, until, current.watch.plan.sample_interval_us)
    coverage = reader.coverage(since, until, watching=current.is_current)
    watched = reader.watches(since, until, moment, filters.limit, current.state)
    lost, more_lost = reader.losses(since, until)
    _coverage(until - since, coverage.unwatched, watched, int(lost["lost"].sum()))
    st.caption(
        f"Times are in {literal(viewers_zone().key)}."
        " Of the filters only the time range counts here."
    )
    monitor_tables.draw_gaps(watched, lost, more=more_lost)
    _plan(current)
    monitor_tables.draw_periods(watched)
    action_tables.draw_newest()
    st.markdown("#### Cost of watching")
    _cost(own.figures)
    monitor_charts.draw(own, gap_frame(coverage), since, until)


def _coverage(length: int, unwatched: int, watched: WatchTables, lost: int) -> None:
    """The answer to “may I trust it?”, as numbers and a sentence."""
    numbers = {
        "Coverage": f"{_share(1 - unwatched / length)} %",
        "Not watched": times.length(unwatched),
        "Gaps": f"{watched.total_gaps:,}",
        "Kernel events lost": f"{lost:,}",
    }
    with st.container(horizontal=True, key="coverage"):
        for label, value in numbers.items():
            st.metric(label, value, border=True, help=_EXPLAINED.get(label))
    st.markdown(literal(_in_words(length, unwatched, watched.total_gaps)))


def _in_words(length: int, unwatched: int, gaps: int) -> str:
    if not unwatched:
        return f"PortEye watched all of these {times.length(length)}."
    spread = "in one gap" if gaps == 1 else f"in {gaps:,} gaps"
    return (
        f"Of these {times.length(length)} PortEye did not watch {times.length(unwatched)},"
        f" {spread}. What opened and closed within a gap is not recorded. What stayed open is."
    )


def _cost(figures: pd.DataFrame) -> None:
    numbers = {
        "CPU, % of one core": _last(figures["cpu"], "{:.2f} %"),
        "Memory": _last(figures["rss"] / (1 << 20), "{:.0f} MiB"),
        "Scan time": _last(figures["scan"], "{:.1f} ms"),
        "Database": _last(figures["size"] / (1 << 20), "{:,.1f} MiB"),
    }
    with st.container(horizontal=True):
        for label, value in numbers.items():
            st.metric(label, value, border=True)


_EXPLAINED = {
    "Coverage": "The share of the time range in which a monitor watched",
    "Kernel events lost": "The scan after each loss found what they would have told",
}


def _share(part: float) -> str:
    """Percent, which is 100 of the whole alone."""
    return "100" if part == 1 else f"{min(part * 100, 99.9):.1f}"


def _last(values: "pd.Series[float]", form: str) -> str:
    known = values.dropna()
    return form.format(known.iloc[-1]) if len(known) else _NOT_MEASURED


def _plan(current: Status) -> None:
    assert current.watch is not None
    plan = current.watch.plan
    st.markdown("#### How it watches")
    st.markdown(
        f"By **{literal(in_words(plan))}**, with samples every"
        f" {plan.sample_interval_us / 1e6:g} s (source: {literal(plan.source)})."
        + (f" {literal(plan.why)}" if plan.why else "")
    )
    if not plan.limitations:
        st.markdown(":material/check: It knows of nothing that it cannot see.")
    for place, limit in enumerate(plan.limitations):
        found = advice.of_limitation(limit)
        with st.container(horizontal=True, vertical_alignment="center", key=f"limit_{place}"):
            st.markdown(f":material/info: {literal(found.text)}", width="content")
            advice.how(found, "How")


time_range.pills()
chart_zoom.way_back()
monitor()
