"""The cost of watching, as charts of one time axis."""

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from porteye_core.charts import self_usage as charts
from porteye_core.store.reading import MonitorUsage
from porteye_core.ui import chart_zoom
from porteye_core.ui.context import viewers_zone

_SHORTEST = 60 * 1_000_000  # a chart of less than a minute has no shape


def draw(own: MonitorUsage, unwatched: pd.DataFrame, since: int, until: int) -> None:
    """Draw the charts of this range; `unwatched` are its gaps."""
    if own.figures["scan"].isna().all():
        st.caption("The monitor made no scan in this time range.")
        return
    if own.one_in > 1:
        st.caption(f"Drawn from about one tick of {own.one_in:,}: the range has too many.")
    since = min(since, until - _SHORTEST)
    figures, zone = own.figures, viewers_zone()
    for frame in (figures, unwatched):
        for column in frame.select_dtypes("datetimetz"):
            frame[column] = frame[column].dt.tz_convert(zone).dt.tz_localize(None)
    start, end = (
        pd.Timestamp(edge, unit="us", tz="UTC").tz_convert(zone).tz_localize(None)
        for edge in (since, until)
    )
    left, right = st.columns(2)
    span, range_ = (start, end), (since, until)
    with left:
        _chart("Processor time", charts.processor(figures, unwatched, span), figures["cpu"], range_)
        _chart("Scan time", charts.scan_times(figures, unwatched, span), figures["scan"], range_)
    with right:
        _chart("Memory", charts.memory(figures, unwatched, span), figures["rss"], range_)
        _chart(
            "Size of the database",
            charts.database(figures, unwatched, span),
            figures["size"],
            range_,
        )


def _chart(
    title: str, figure: go.Figure, values: "pd.Series[float]", range_: tuple[int, int]
) -> None:
    st.markdown(f"**{title}**")
    if values.isna().all():
        st.caption("Not recorded in this time range.")
        return
    chart_zoom.chart(figure, f"monitor_{title}", range_, f"{title} of the monitor over time")
