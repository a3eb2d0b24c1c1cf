"""The timeline of a range: ports, lives and counts per bucket, as frames."""

from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import pandas as pd

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.frames import activity, ports
from porteye_core.store.frames import lives as single
from porteye_core.store.frames.buckets import buckets
from porteye_core.store.frames.changes import is_narrowed
from porteye_core.store.frames.columns import times, values

MAX_ROWS, MAX_HEAT_ROWS = 50, 25  # ports that a reader still takes in
_MAX_BARS = 1_000  # on 50 rows as many as a reader tells apart; drawn in a third of a second
_SHORTEST = 10 * 1_000_000  # a chart of less than that has no shape
# A range that ends now and begins long before the first watch shows no more of that time than this
# share of what was watched: enough to see that the record begins here.
_EMPTY_SHARE = 0.05

Row = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Times are on the viewer's clock.

    rows: the ports to draw, of `ports` in all; heat_rows: those of the heat map; lives: the lives
    on ports that have few; merged: the stretches of `crowded` ports, each of which stands for
    several lives, `process` missing where several programs had the port; cells: events by port and
    bucket, whose edges are `edges`; count: how many lives overlap the range; drifts: listeners
    changed hands, so that a program's openings and closings do not tell how many it had open.
    """

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


def bounds(connection: engine.Connection, filters: Filters, now: int) -> tuple[int, int] | None:
    """The range to draw for the times of these filters, None if it has not begun yet."""
    until = now if filters.until is None else min(filters.until, now)
    if filters.since is not None and filters.since >= now:
        return None
    begun = activity.begun_at(connection)
    begun = until if begun is None else begun
    since = begun if filters.since is None else filters.since
    if filters.until is None and begun < until:
        since = max(since, begun - round((until - begun) * _EMPTY_SHARE))
    return min(since, until - _SHORTEST), until


def timeline(
    connection: engine.Connection, filters: Filters, since: int, until: int, zone: ZoneInfo
) -> Timeline | None:
    """The timeline of since..until, None if no listener was open in it."""
    filters = replace(filters, since=since, until=until)
    found = ports.busiest(connection, filters, since, until)
    if found.empty:
        return None
    by_time = buckets(since, until, zone, by_port=is_narrowed(filters))
    by_port = buckets(since, until, zone, by_port=True)
    shown = ports.named(connection, found.head(MAX_ROWS))
    cells = activity.by_port(connection, filters, _rows(shown), by_port.edges)
    alone, crowded = parted(shown)
    lives = single.lives(connection, filters, since, until, _rows(alone))
    counts = activity.turnover(connection, filters, by_time.edges)
    return Timeline(
        turnover=_on(zone, counts),
        bucket=by_time.name,
        lives=_on(zone, lives),
        merged=_on(zone, ports.stretches(crowded, cells, by_port.edges)),
        cells=cells,
        edges=times(pd.Series(by_port.edges)).dt.tz_convert(zone),
        bucket_by_port=by_port.name,
        rows=sorted(_rows(shown)),
        heat_rows=sorted(_rows(shown[shown["opened"] + shown["closed"] > 0].head(MAX_HEAT_ROWS))),
        ports=len(found),
        crowded=len(crowded),
        count=int(found["lives"].sum()),
        drifts=bool((found["before"] + found["opened"] != found["closed"] + found["after"]).any()),
    )


def parted(shown: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The ports whose lives are drawn one by one, and those that have too many: the ports with
    few lives come first, so that no busy one takes the room of many quiet ones."""
    by_lives = shown.sort_values("lives", kind="stable")
    fits = by_lives["lives"].cumsum() <= _MAX_BARS
    return by_lives[fits], by_lives[~fits]


def _rows(frame: pd.DataFrame) -> list[Row]:
    return [(port, protocol) for port, protocol in values(frame, "port", "protocol")]


def _on(zone: ZoneInfo, frame: pd.DataFrame) -> pd.DataFrame:
    for column in frame.select_dtypes("datetimetz"):
        frame[column] = frame[column].dt.tz_convert(zone)
    return frame
