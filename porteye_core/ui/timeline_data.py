"""What the timeline of a range shows, asked from one moment of the database."""

import sqlite3
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import pandas as pd

from porteye_core.charts.figure import Span
from porteye_core.charts.lives import SEVERAL
from porteye_core.store.frames import activity, ports
from porteye_core.store.frames import lives as single
from porteye_core.store.frames.changes import is_narrowed
from porteye_core.store.frames.columns import times, values
from porteye_core.store.status import gaps, status
from porteye_core.ui.buckets import buckets
from porteye_core.ui.context import View, viewers_zone

MOST_ROWS, MOST_HEAT_ROWS = 50, 25  # ports that a reader still takes in
_MOST_BARS = 1_000  # on 50 rows as many as a reader tells apart; drawn in a third of a second
_SHORTEST = 10 * 1_000_000  # a chart of less than that has no shape
# A range that ends now and begins long before the first watch shows no more of that time than this
# share of what was watched: enough to see that the record begins here.
_EMPTY_SHARE = 0.05

Row = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Charted:
    """Times are on the viewer's clock; see the charts for the frames.

    rows: the ports that are drawn, heat_rows: those of the heat map, of `ports` in all; merged:
    what stands for several lives each, on `crowded` of the ports; lives: how many overlap the
    range; drifts: whether listeners changed hands, so that what a program opened and closed does
    not tell how many it had open.
    """

    span: Span
    gaps: pd.DataFrame
    turnover: pd.DataFrame
    bucket: str
    lives: pd.DataFrame
    merged: pd.DataFrame
    cells: pd.DataFrame
    edges: "pd.Series[pd.Timestamp]"
    bucket_by_port: str
    rows: list[Row]
    heat_rows: list[Row]
    ports: int
    crowded: int
    count: int
    drifts: bool


def bounds(connection: sqlite3.Connection, view: View, now: int) -> tuple[int, int] | None:
    """The range that is shown, None for one that has not begun yet."""
    asked = view.asked(now)
    until = now if asked.until is None else min(asked.until, now)
    if asked.since is not None and asked.since >= now:
        return None
    begun = activity.begun_at(connection)
    begun = until if begun is None else begun
    since = begun if asked.since is None else asked.since
    if asked.until is None and begun < until:
        since = max(since, begun - round((until - begun) * _EMPTY_SHARE))
    return min(since, until - _SHORTEST), until


def charted(
    connection: sqlite3.Connection, view: View, now: int, since: int, until: int
) -> Charted | None:
    """The range's charts, None if no listener was open in it."""
    filters = replace(view.filters, since=since, until=until)
    found = ports.busiest(connection, filters, since, until)
    if found.empty:
        return None
    zone = viewers_zone()
    by_time = buckets(since, until, zone, by_port=is_narrowed(filters))
    by_port = buckets(since, until, zone, by_port=True)
    shown = ports.named(connection, found.head(MOST_ROWS)).fillna({"process": SEVERAL})
    cells = activity.by_port(connection, filters, _rows(shown), by_port.edges)
    alone, crowded = parted(shown)
    lives = single.lives(connection, filters, since, until, _rows(alone))
    counts = activity.turnover(connection, filters, by_time.edges)
    watching = status(connection, view.db, now).is_current
    return Charted(
        span=_span(since, until, zone),
        gaps=_on(zone, activity.intervals(gaps(connection, since, until, watching=watching))),
        turnover=_on(zone, counts),
        bucket=by_time.name,
        lives=_on(zone, lives),
        merged=_on(zone, ports.stretches(crowded, cells, by_port.edges)),
        cells=cells,
        edges=times(pd.Series(by_port.edges)).dt.tz_convert(zone),
        bucket_by_port=by_port.name,
        rows=sorted(_rows(shown)),
        heat_rows=sorted(_rows(shown[shown["opened"] + shown["closed"] > 0].head(MOST_HEAT_ROWS))),
        ports=len(found),
        crowded=len(crowded),
        count=int(found["lives"].sum()),
        drifts=bool((found["before"] + found["opened"] != found["closed"] + found["after"]).any()),
    )


def parted(shown: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The ports whose lives are drawn one by one, and those that have too many: the ports with
    few lives come first, so that no busy one takes the room of many quiet ones."""
    by_lives = shown.sort_values("lives", kind="stable")
    fits = by_lives["lives"].cumsum() <= _MOST_BARS
    return by_lives[fits], by_lives[~fits]


def _rows(frame: pd.DataFrame) -> list[Row]:
    return [(port, protocol) for port, protocol in values(frame, "port", "protocol")]


def _on(zone: ZoneInfo, frame: pd.DataFrame) -> pd.DataFrame:
    for column in frame.select_dtypes("datetimetz"):
        frame[column] = frame[column].dt.tz_convert(zone)
    return frame


def _span(since: int, until: int, zone: ZoneInfo) -> Span:
    first, last = (
        pd.Timestamp(edge, unit="us", tz="UTC").tz_convert(zone) for edge in (since, until)
    )
    return first, last
