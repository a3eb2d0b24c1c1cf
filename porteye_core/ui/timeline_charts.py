"""The figure of a range with its words and switches, kept for as long as it would be the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from zoneinfo import ZoneInfo

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from porteye_core.charts import timeline
from porteye_core.charts.figure import OPENED, Span, with_cursor
from porteye_core.charts.lives import COLORS, LOCAL, REACHABLE, SEVERAL, UNKNOWN
from porteye_core.charts.timeline import LEFT, LEFT_ON_A_PHONE
from porteye_core.exposure import Exposure
from porteye_core.store.reading import (
    Coverage,
    Grouping,
    Reader,
    Row,
    Shape,
    Timeline,
)
from porteye_core.system.local_ports import ephemeral_ports
from porteye_core.ui import chart_zoom, finding_marks, further_charts
from porteye_core.ui.context import View, local, viewers_zone
from porteye_core.ui.layout import is_phone
from porteye_core.ui.markdown import literal
from porteye_core.ui.session_cache import cached
from porteye_core.ui.table_columns import reachable_from

KEPT = "timeline_drawn"
_KEY = "timeline"
_GROUPING, _UNFOLDED, _MORE = "timeline_by", "timeline_unfolded", "timeline_more"
_CLICK, _COUNTED = "timeline_click", "timeline_counted"
_ROWS, _FOLDED, _STEP_OF_ROWS = 20, 4, 30  # rows of one screen, and of one more press
# Time goes on by less than a pixel of a range before it is drawn anew, and by a minute at most: an
# owner that is learnt later need not come with an event.
_STEP, _LONGEST_STEP = 1 / 2000, 60 * 1_000_000
_LABELS = {
    Grouping.PORT: "By port",
    Grouping.PROGRAM: "By program",
    Grouping.EXPOSURE: "By exposure",
}

_DRIFTS = (
    "Some listeners changed hands in this range: what each program opened and closed does not tell"
    " exactly how many it had open."
)
_ROUNDED = "So much happened that ports are counted by whole hours."


@dataclass(frozen=True, slots=True)
class Click:
    """The moment that was clicked on a chart, in microseconds since the epoch, or on a bar its
    listener; None where there is none."""

    at: int | None = None
    listener: int | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """The figure of a range, with `alt` for those who do not see it, the words above it, and how
    many rows are left out; no figure if no listener was open."""

    figure: go.Figure | None = None
    charted: "Charted | None" = None
    alt: str = ""
    words: tuple[str, ...] = ()
    left_out: str = ""


class Charted:
    """A timeline with its range and gaps on the viewer's clock."""

    def __init__(
        self,
        found: Timeline,
        coverage: Coverage,
        zone: ZoneInfo,
        grouping: Grouping = Grouping.PORT,
        left: int = LEFT,
    ) -> None:
        self.found, self.grouping, self.left = found, grouping, left
        self.zone, self.range = zone, (coverage.since, coverage.until)
        self.unwatched = coverage.unwatched / 1e6
        starts, ends = ([gap[edge] for gap in coverage.gaps] for edge in (0, 1))
        self.gaps = pd.DataFrame({"start": _shown(starts, zone), "end": _shown(ends, zone)})
        first, last = _shown(self.range, zone)
        self.span: Span = (first, last)
        self.edges = _shown(found.rows.by_port.edges, zone)


def _shown(micros: Sequence[int], zone: ZoneInfo) -> "pd.Series[pd.Timestamp]":
    """Times on the viewer's clock."""
    at = pd.Series(micros, dtype="int64").astype("datetime64[us]")
    return at.dt.tz_localize("UTC").dt.tz_convert(zone)


def draw(
    reader: Reader, view: View, moment: int, since: int, until: int, cursor: int | None = None
) -> Click | None:
    """Draw the charts of a range, and return what was clicked since the run before.

    moment: now; cursor: its moment, None where there is none.
    """
    click: Click | None = st.session_state.pop(_CLICK, None)
    # Beside each other: the bars begin a line higher.
    above = st.container(horizontal=True, vertical_alignment="center", key="charts_head")
    with above:
        shape = _switches()
    found = drawn(reader, view, moment, since, until, shape)
    if found.figure is None or found.charted is None:
        st.info("No listener that was open in this time range matches the filters.")
        return click
    above.caption(literal(" ".join([f"{local(since)} to {local(until)}.", *found.words])))
    figure = _marked(view, found.figure, found.charted)
    if cursor is not None and since <= cursor <= until:
        figure = with_cursor(figure, *_flag(reader, view, cursor))
    chart_zoom.chart(figure, _KEY, (since, until), found.alt, _clicked)
    _rest(found.left_out)
    further_charts.draw(reader, view, found.charted, _clicked)
    return click


def _marked(view: View, figure: go.Figure, of: Charted) -> go.Figure:
    """The figure with the findings that began in its range."""
    heights = timeline.heights_of([_line(row, of.grouping) for row in of.found.rows.rows])
    return finding_marks.marked(view, figure, heights, of.span, of.zone)


def _clicked(point: str) -> None:
    """Keep what a click on a point of a chart means for the run that follows it."""
    word, numbers = timeline.meaning(point)
    if word == "range":
        chart_zoom.choose(*numbers)
    elif word == "listener":
        st.session_state[_CLICK] = Click(listener=numbers[0])
    else:
        st.session_state[_CLICK] = Click(at=numbers[0])


def _switches() -> Shape:
    """Draw what the rows stand for, and whether ephemeral ports are folded."""
    grouping = st.segmented_control(
        "Rows",
        list(Grouping),
        default=Grouping.PORT,
        format_func=_LABELS.__getitem__,
        key=_GROUPING,
        label_visibility="collapsed",
        required=True,
        persist_state="session",
    )
    unfolded = st.toggle("Ephemeral ports", key=_UNFOLDED, persist_state="session")
    more: int = st.session_state.get(_MORE, 0)
    folded = 0 if unfolded else _FOLDED
    return Shape(grouping or Grouping.PORT, _ROWS + more, folded, ephemeral_ports())


def _rest(left_out: str) -> None:
    """Draw what is left out, and the buttons for more rows and for fewer."""
    more: int = st.session_state.get(_MORE, 0)
    if not left_out and not more:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if left_out:
            st.caption(literal(left_out), width="content")
            st.button("Show more", on_click=partial(_show, more + _STEP_OF_ROWS), type="tertiary")
        if more:
            st.button("Show fewer", on_click=partial(_show, 0), type="tertiary")


def _show(more: int) -> None:
    st.session_state[_MORE] = more


def _flag(reader: Reader, view: View, cursor: int) -> tuple[pd.Timestamp, str]:
    """The moment of the cursor on the viewer's clock, and what its line says."""
    at = pd.Timestamp(cursor, unit="us", tz="UTC").tz_convert(viewers_zone())
    of = reader.version().of_events, view.filters, cursor
    held, reachable = cached(_COUNTED, of, lambda: reader.open_count(view.filters, cursor))
    return at, f"{at:%a %H:%M} · {held:,} open · {reachable:,} reachable"


def drawn(reader: Reader, view: View, moment: int, since: int, until: int, shape: Shape) -> Drawn:
    """The figure of a range, from the session if nothing has happened since it was drawn."""
    zone, watching = viewers_zone(), reader.status(moment).is_current
    step = max(1, min(round((until - since) * _STEP), _LONGEST_STEP))
    begin, end = since // step * step, until // step * step
    stepped = reader.coverage(begin, end, watching=watching)
    left = LEFT_ON_A_PHONE if is_phone() else LEFT

    def make() -> Drawn:
        rows = reader.timeline_rows(view.filters, since, until, zone, shape)
        if rows is None:
            return Drawn()
        found = reader.timeline(view.filters, since, until, zone, rows)
        coverage = reader.coverage(since, until, watching=watching)
        of = Charted(found, coverage, zone, shape.grouping, left)
        return Drawn(lives_by_row(of), of, _alt(of), tuple(_words(of)), _left_out(of))

    of = reader.version().of_events, view.filters, zone.key, watching, stepped, shape, left
    return cached(KEPT, of, make)


def lives_by_row(of: Charted) -> go.Figure:
    """Draw what opened and closed in each bucket, and the lives of each row."""
    found, rows = of.found, of.found.rows
    named = "process" if of.grouping is Grouping.PROGRAM else None
    merged = found.merged.fillna({"process": SEVERAL})
    return timeline.timeline(
        found.turnover,
        rows.by_time.name,
        found.lives.assign(color=_colored(found.lives, named)),
        merged.assign(color=_colored(merged, named)),
        [_line(row, of.grouping) for row in rows.rows],
        of.gaps,
        of.span,
        of.left,
    )


def _colored(frame: pd.DataFrame, named: str | None) -> list[str]:
    """The names by which bars are coloured: programs, or how far they reach."""
    if named:
        return [each or "unknown owner" for each in frame[named].tolist()]
    reach = zip(frame["is_reachable"].tolist(), frame["exposure"].tolist(), strict=True)
    return [
        REACHABLE if is_reachable else UNKNOWN if exposure == Exposure.UNKNOWN else LOCAL
        for is_reachable, exposure in reach
    ]


def _line(row: Row, grouping: Grouping) -> timeline.Line:
    name = row.name or "unknown owner"
    if grouping is Grouping.EXPOSURE and not row.is_ephemeral:
        name = reachable_from(name)
    if row.density is None:
        assert row.place is not None
        port, protocol = row.place
        return timeline.Line(
            f"{port} {name}{' (udp)' if protocol == 'udp' else ''}", name, row.place
        )
    kind = "ephemeral port" if row.is_ephemeral else "port"
    color = OPENED if row.is_ephemeral else COLORS[REACHABLE if row.is_reachable else LOCAL]
    label = f"{name}: {row.ports:,} {kind if row.ports == 1 else f'{kind}s'}"
    return timeline.Line(label, label, None, row.density.counts, row.density.edges, "open", color)


def _alt(of: Charted) -> str:
    counts, rows = of.found.turnover, of.found.rows
    first = ", ".join(_line(row, of.grouping).label for row in rows.rows[:3])
    return (
        f"Bars of when listeners were open in {len(rows.rows)} rows: {first} and so on."
        f" Above them what opened and closed per {rows.by_time.name}:"
        f" {counts['opened'].sum():,} opened, {counts['closed'].sum():,} closed,"
        f" {counts['already'].sum():,} already there."
    )


def _words(of: Charted) -> list[str]:
    counts, rows = of.found.turnover, of.found.rows
    there = int(counts["already"].sum())
    said = f"{_count(rows.ports, 'port')}, {counts['opened'].sum():,} opened,"
    said += f" {counts['closed'].sum():,} closed{f', {there:,} already there' if there else ''}."
    words = [said]
    if of.found.crowded:
        words.append(
            f"{_count(of.found.crowded, 'port')} too busy for single bars: stripes stand"
            f" for several lives, per {rows.by_port.name}."
        )
    if of.unwatched:
        words.append(f"Hatched: nobody watched, {_long(of.unwatched)} in all.")
    if rows.is_rounded:
        words.append(_ROUNDED)
    return [*words, _DRIFTS] if rows.drifts else words


def _left_out(of: Charted) -> str:
    rows = of.found.rows
    folded = sum(row.is_ephemeral for row in rows.rows)
    hidden, others = rows.all_rows - (len(rows.rows) - folded), rows.crowds - folded
    said = []
    if hidden > 0:
        said.append(_count(hidden, "port" if of.grouping is Grouping.PORT else of.grouping))
    if others > 0:
        said.append(f"{_count(others, 'program')} with ephemeral ports")
    return f"Left out: {' and '.join(said)}." if said else ""


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _long(seconds: float) -> str:
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} s"
