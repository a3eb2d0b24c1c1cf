"""The timeline of a range: the lives on its rows and the counts per bucket, as frames."""

from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from porteye_core.exposure import exposure
from porteye_core.model import Filters, Kind
from porteye_core.store import engine
from porteye_core.store.reading.coverage import Watches
from porteye_core.store.reading.listener_rows import (
    Question,
    bound_of,
    from_tables,
    matching,
    open_between,
    owners,
    select_columns,
    times,
    titles,
    values,
)
from porteye_core.store.reading.packs import Numbers
from porteye_core.store.reading.timeline_rows import Rows

_MAX_BARS = 1_000  # on 50 rows as many as a reader tells apart; drawn in a third of a second
# The index of ports knows no times, but rows are numbered as they come: of a range of up to so many
# events it takes 10 ms to learn the first and the last number, which leave out the other years.
_FEW_EVENTS = 200_000
_OF_A_LIFE = (
    *("id", "protocol", "address", "port", "hidden", "interface", "interface_kind", "v6only"),
    *("namespace", "opened_at", "opened_seen", "closed_at", "closed_seen", "pid", "title"),
)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Times are on the viewer's clock.

    turnover: counts per bucket; `already` were there when somebody began to watch, and are none of
    `opened`. lives: the lives on ports that have few; merged: the stretches of `crowded` ports,
    each of which stands for several lives, `process` missing where several programs had the port.
    """

    rows: Rows
    turnover: pd.DataFrame
    lives: pd.DataFrame
    merged: pd.DataFrame
    crowded: int


def timeline(
    connection: engine.Connection,
    filters: Filters,
    since: int,
    until: int,
    zone: ZoneInfo,
    rows: Rows,
) -> Timeline:
    """The timeline of since..until with these rows, which are of the same range."""
    filters = replace(filters, since=since, until=until)
    alone, crowded = parted(rows.drawn)
    ports = list(values(alone, "port", "protocol"))
    found = lives(connection, filters, since, until, ports, rows.events)
    there = already(connection, filters, since, until, rows.by_time.edges)
    opened = (rows.counts["opened"] - there).clip(lower=0)
    counts = rows.counts.assign(opened=opened, already=there)
    of = crowded.index.to_numpy()
    opens, closed, standing = (each[of] for each in (rows.opened, rows.closed, rows.standing))
    busy = named(connection, crowded)
    merged = stretches(busy, opens, closed, standing, rows.by_port.edges)
    return Timeline(rows, _on(zone, counts), _on(zone, found), _on(zone, merged), len(crowded))


def already(
    connection: engine.Connection, filters: Filters, since: int, until: int, edges: list[int]
) -> Numbers:
    """The number of listeners in each bucket that were there already when somebody began to watch:
    at the first scan of a watch, or at the one after a gap in it."""
    where = matching(filters, "e.port", "coalesce(e.program_id, l.program_id, 0)", "l.protocol")
    if filters.kind is Kind.CLOSED:
        return np.zeros(len(edges) - 1, dtype="int64")
    found = connection.execute(
        f"""
        SELECT e.at, count(*) FROM event e JOIN listener l ON l.id = e.listener_id
        WHERE e.id IN (
            SELECT e.id FROM watch w JOIN event e
                ON e.at BETWEEN w.started_at AND w.started_at + w.interval
            WHERE w.started_at + w.interval >= ? AND w.started_at <= ?
            UNION SELECT e.id FROM tick t JOIN event e ON e.at = t.at
            WHERE t.gap > 0 AND t.at BETWEEN ? AND ?
        ) AND e.kind = 'opened' AND e.seen = 'gap' AND e.at BETWEEN ? AND ? AND {where.sql}
        GROUP BY e.at
        """,
        (*(since, until) * 3, *where.parameters),
    ).fetchall()
    at, count = np.array([tuple(row) for row in found], dtype="int64").reshape(-1, 2).T
    bucket = np.searchsorted(edges, at, side="right") - 1
    counts: Numbers = np.bincount(bucket, weights=count, minlength=len(edges) - 1).astype("int64")
    return counts


def parted(shown: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The ports whose lives are drawn one by one, and those that have too many: the ports with
    few lives come first, so that no busy one takes the room of many quiet ones."""
    by_lives = shown.sort_values("lives", kind="stable")
    fits = by_lives["lives"].cumsum() <= _MAX_BARS
    return by_lives[fits], by_lives[~fits]


def _on(zone: ZoneInfo, frame: pd.DataFrame) -> pd.DataFrame:
    for column in frame.select_dtypes("datetimetz"):
        frame[column] = frame[column].dt.tz_convert(zone)
    return frame


def named(connection: engine.Connection, ports: pd.DataFrame) -> pd.DataFrame:
    """These rows of `busiest` with `process`, the title of `program`: missing where there were
    several, empty where none is known."""
    names = titles(connection, ports["program"].dropna().tolist())
    process = [None if pd.isna(each) else names.get(each, "") for each in ports["program"]]
    return ports.assign(process=pd.Series(process, index=ports.index, dtype="str"))


def stretches(
    ports: pd.DataFrame, opened: Numbers, closed: Numbers, standing: Numbers, edges: list[int]
) -> pd.DataFrame:
    """The stretches of whole buckets in which each of these ports had a listener: a row from
    `start` to `end` for neighbours of which each has, with what was `opened` and `closed` in it.

    opened, closed, standing: `busy_ports.counted` of the ports.
    """
    held = (standing > 0) | (opened > 0)
    # An edge on each side, so that every run has a beginning and an end.
    turns = np.diff(np.pad(held.astype("int8"), ((0, 0), (1, 1))), axis=1)
    row, first = np.nonzero(turns == 1)
    last = np.nonzero(turns == -1)[1]
    sums = [np.pad(part.cumsum(axis=1), ((0, 0), (1, 0))) for part in (opened, closed)]
    found = ports.iloc[row].reset_index(drop=True)
    found["opened"], found["closed"] = (part[row, last] - part[row, first] for part in sums)
    bounds = np.array(edges, dtype="int64")
    found["start"], found["end"] = (times(pd.Series(bounds[each])) for each in (first, last))
    return found


def lives(
    connection: engine.Connection,
    filters: Filters,
    since: int,
    until: int,
    ports: list[tuple[int, str]],
    events: int,
) -> pd.DataFrame:
    """The lives on these ports that overlap since..until, in the order of their opening.

    `opened_from` is the earliest time at which it may have opened, and `closed_from` at which it
    may have closed: the time itself where the kernel told, missing where nothing bounds it.
    `address` has the interface, too, as ss writes it. events: how many the range has.
    """
    if not ports:
        ports = [(-1, "")]  # no listener has it, and the answer keeps its columns
    few = events <= _FEW_EVENTS
    wanted = set(ports)
    found = [
        row
        for row in connection.execute(*_lives(filters, since, until, ports, few=few))
        if (row["port"], row["protocol"]) in wanted
    ]
    frame = pd.DataFrame(list(map(tuple, found)), columns=list(_OF_A_LIFE))
    watches = Watches(connection, watching=False)
    for edge in ("opened", "closed"):
        earliest = [watches.earliest(row[f"{edge}_at"], row[f"{edge}_seen"]) for row in found]
        frame[f"{edge}_from"] = times(pd.Series(earliest, dtype="Int64"))
        frame[f"{edge}_at"] = times(frame[f"{edge}_at"])
    bounds = [bound_of(row) for row in found]
    frame["address"] = [each.shown for each in bounds]
    frame["exposure"] = [exposure(each).value for each in bounds]
    frame["is_reachable"] = [exposure(each).is_reachable for each in bounds]
    frame["pid"] = frame["pid"].astype("Int64")
    frame["process"] = owners(frame)
    return frame


def _lives(
    filters: Filters, since: int, until: int, ports: list[tuple[int, str]], *, few: bool
) -> Question:
    where = matching(filters)
    stood = open_between(since - 1, since - 1, "l.id, l.port", where)
    numbers = ",".join(dict.fromkeys(str(int(port)) for port, _ in ports))
    # The plus keeps SQLite off an index, here of times and there of row numbers.
    events = f"+e.at BETWEEN ? AND ? AND e.port IN ({numbers})"
    bounds: tuple[int, ...] = (since, until)
    if few:
        reach = "FROM event WHERE at BETWEEN ? AND ?"
        events += f" AND e.id BETWEEN (SELECT min(+id) {reach}) AND (SELECT max(+id) {reach})"
        bounds *= 3
    return Question(
        f"""
        SELECT {select_columns(*_OF_A_LIFE)}
        FROM {from_tables()}
        WHERE l.id IN (
            SELECT e.listener_id FROM event e WHERE {events}
            UNION SELECT id FROM ({stood.sql}) AS stood WHERE +port IN ({numbers})
        ) AND {where.sql}
        ORDER BY l.opened_at, l.id
        """,
        (*bounds, *stood.parameters, *where.parameters),
    )
