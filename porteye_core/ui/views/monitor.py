"""Monitor: who watched and when, what nobody saw and why, and what watching costs."""

import pandas as pd
import streamlit as st

from porteye_core.store.reading import Reader, Status
from porteye_core.ui import chart_zoom, monitor_charts, monitor_tables, times
from porteye_core.ui.context import View, now, read, viewers_zone
from porteye_core.ui.markdown import code, literal

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
    st.caption(
        f"Times are in {literal(viewers_zone().key)}. Of the filters only the time range counts"
        f" here. {chart_zoom.how_to()}"
    )
    own = reader.monitor_usage(since, until, current.watch.plan.sample_interval_us)
    coverage = reader.coverage(since, until, watching=current.is_current)
    _numbers(own.figures, until - since, coverage.unwatched)
    _plan(current)
    monitor_charts.draw(own, coverage.frame, since, until)
    monitor_tables.draw(reader, current, since, until, moment, filters.limit)


def _numbers(figures: pd.DataFrame, length: int, unwatched: int) -> None:
    numbers = {
        "Watched": f"{_share(1 - unwatched / length)} %",
        "Gaps": times.length(unwatched),
        "CPU": _last(figures["cpu"], "{:.2f} %"),
        "Memory": _last(figures["rss"] / (1 << 20), "{:.0f} MiB"),
        "Look time": _last(figures["scan"], "{:.1f} ms"),
        "Database": _last(figures["size"] / (1 << 20), "{:,.1f} MiB"),
    }
    with st.container(horizontal=True):
        for label, value in numbers.items():
            st.metric(label, value, border=True, help=_EXPLAINED.get(label))


_EXPLAINED = {"Watched": "The share of the time range in which somebody watched"}


def _share(part: float) -> str:
    """Percent, which is 100 of the whole alone."""
    return "100" if part == 1 else f"{min(part * 100, 99.9):.1f}"


def _last(values: "pd.Series[float]", form: str) -> str:
    known = values.dropna()
    return form.format(known.iloc[-1]) if len(known) else _NOT_MEASURED


def _plan(current: Status) -> None:
    assert current.watch is not None
    plan = current.watch.plan
    st.markdown("##### How it watches")
    st.markdown(
        f"By **{literal(plan.source)}**, with a scan of everything every"
        f" {plan.interval_us / 1e6:g} s and samples every {plan.sample_interval_us / 1e6:g} s."
        + (f" {literal(plan.why)}" if plan.why else "")
    )
    if not plan.limitations:
        st.markdown(":material/check: It knows of nothing that it cannot see.")
    for limit in plan.limitations:
        hint = f" {code(limit.hint)}" if limit.hint else ""
        st.markdown(f":material/info: {literal(limit.text)}{hint}")


chart_zoom.way_back()
monitor()
