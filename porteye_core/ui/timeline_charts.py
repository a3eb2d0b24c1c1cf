"""The charts of a range with their words, kept for as long as they would be the same."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from porteye_core.charts import activity, heat_map, timeline
from porteye_core.charts.figure import Span, with_cursor
from porteye_core.store.reading import Coverage, Reader, Timeline
from porteye_core.ui import chart_zoom
from porteye_core.ui.context import View, local, viewers_zone
from porteye_core.ui.markdown import literal
from porteye_core.ui.session_cache import cached

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
class Click:
    """The moment that was clicked on a chart, in microseconds since the epoch, and on a bar its
    listener; None where there is none."""

    at: int | None = None
    listener: int | None = None


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


def draw(
    reader: Reader, view: View, moment: int, since: int, until: int, cursor: int | None = None
) -> Click | None:
    """Draw the charts of a range, and return what was clicked since the run before.

    moment: now; cursor: the moment of the time machine, None where there is none.
    """
    found = drawn(reader, view, moment, since, until)
    if not found.charts:
        st.info("No listener that the filters let through was open in this time range.")
        return None
    st.caption(" ".join(_words(found, since, until)))
    for chart in found.charts:
        _chart(chart, (since, until), cursor)
    return None


def _words(found: Drawn, since: int, until: int) -> list[str]:
    said = [f"{local(since)} to {local(until)}."]
    if how_to := chart_zoom.how_to():
        said.append(how_to)
    if found.unwatched:
        said.append(f"Where it is hatched nobody watched: {_long(found.unwatched)} in all.")
    return [literal(each) for each in said]


def _chart(chart: Chart, range_: tuple[int, int], cursor: int | None) -> None:
    st.markdown(f"##### {chart.title}")
    if chart.note:
        st.caption(chart.note)
    figure = chart.figure
    if cursor is not None and range_[0] <= cursor <= range_[1]:
        at = pd.Timestamp(cursor, unit="us", tz="UTC").tz_convert(viewers_zone())
        figure = with_cursor(figure, at, f"{at:%a %H:%M}")
    chart_zoom.chart(figure, chart.key, range_, chart.alt)
    if chart.remark:
        st.caption(chart.remark)


def _long(seconds: float) -> str:
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} s"


def drawn(reader: Reader, view: View, moment: int, since: int, until: int) -> Drawn:
    """The charts of a range, from the session if nothing has happened since they were drawn."""
    zone, watching = viewers_zone(), reader.status(moment).is_current
    step = max(1, min(round((until - since) * _STEP), _LONGEST_STEP))
    begin, end = since // step * step, until // step * step
    stepped = reader.coverage(begin, end, watching=watching)

    def draw() -> Drawn:
        found = reader.timeline(view.filters, since, until, zone)
        coverage = reader.coverage(since, until, watching=watching)
        return Drawn() if found is None else _drawn(Charted(found, coverage, zone))

    of = reader.version().of_events, view.filters, zone.key, watching, stepped
    return cached(KEPT, of, draw)


class Charted:
    """A timeline with its range and gaps on the viewer's clock."""

    def __init__(self, found: Timeline, coverage: Coverage, zone: ZoneInfo) -> None:
        self.found, self.unwatched = found, coverage.unwatched / 1e6
        gaps = coverage.frame
        # By name: `apply` leaves an empty frame as it is.
        self.gaps = gaps.assign(
            start=gaps["start"].dt.tz_convert(zone), end=gaps["end"].dt.tz_convert(zone)
        )
        first, last = (
            pd.Timestamp(edge, unit="us", tz="UTC").tz_convert(zone)
            for edge in (coverage.since, coverage.until)
        )
        self.span: Span = (first, last)


def _drawn(of: Charted) -> Drawn:
    charts = open_over_time(of), opened_and_closed(of), lives_by_port(of)
    return Drawn((*charts, events_by_port(of)) if of.found.heat_rows else charts, of.unwatched)


def open_over_time(of: Charted) -> Chart:
    """Draw how many listeners were open."""
    found = of.found
    counts = found.turnover
    return Chart(
        "open",
        "Open over time",
        activity.open_listeners(counts, of.gaps, of.span),
        f"Line of how many listeners were open; {counts['open'].iloc[-1]} at the end.",
        remark=_DRIFTS if found.drifts else "",
    )


def opened_and_closed(of: Charted) -> Chart:
    """Draw what opened and closed in each bucket."""
    found = of.found
    counts = found.turnover
    return Chart(
        "turnover",
        "Opened and closed",
        activity.turnover(counts, of.gaps, of.span, found.bucket),
        f"Bars of what opened and closed per {found.bucket};"
        f" {counts['opened'].sum()} opened and {counts['closed'].sum()} closed in all.",
    )


def lives_by_port(of: Charted) -> Chart:
    """Draw a bar for each life on the busiest ports."""
    found = of.found
    merged = found.merged.fillna({"process": timeline.SEVERAL})
    return Chart(
        "lives",
        "Lives",
        timeline.timeline(found.lives, merged, found.rows, of.gaps, of.span),
        f"Bars of when listeners were open on {len(found.rows)} of {found.ports} ports;"
        f" {found.count} lives in all.",
        _cut(found),
        "" if found.heat_rows else _NO_MAP,
    )


def events_by_port(of: Charted) -> Chart:
    """Draw the map of events by port and bucket."""
    found = of.found
    return Chart(
        "heat",
        f"Events by port per {found.bucket_by_port}",
        heat_map.heat(found.cells, found.heat_rows, found.edges, of.gaps, of.span),
        f"Map of how many events each of {len(found.heat_rows)} ports had"
        f" in each {found.bucket_by_port}.",
        _cut_heat(found),
    )


def _cut(found: Timeline) -> str:
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


def _cut_heat(found: Timeline) -> str:
    if found.ports == len(found.heat_rows):
        return ""
    return (
        f"Showing the {len(found.heat_rows)} busiest of {found.ports:,} ports;"
        " a port without an event in this range has no row."
    )


def _plural(count: int, one: str, many: str) -> str:
    return one if count == 1 else many
