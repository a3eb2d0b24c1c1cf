"""The timeline of a range: its ports, the lives on them and the counts per bucket, as frames."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from porteye_core.model import Filters, Protocol
from porteye_core.store import engine
from porteye_core.store.reading import event_counts
from porteye_core.store.reading.coverage import Watches
from porteye_core.store.reading.event_counts import Numbers, Part
from porteye_core.store.reading.listener_rows import (
    Question,
    bound,
    from_tables,
    matching,
    open_between,
    owners,
    select_columns,
    times,
    values,
)

MAX_ROWS, MAX_HEAT_ROWS = 50, 25  # ports that a reader still takes in
_MAX_BARS = 1_000  # on 50 rows as many as a reader tells apart; drawn in a third of a second
_SHORTEST = 10 * 1_000_000  # a chart of less than that has no shape
# A range that ends now and begins long before the first watch shows no more of that time than this
# share of what was watched: enough to see that the record begins here.
_EMPTY_SHARE = 0.05
_NOBODY = 2**62  # above every number of a program
_SUMMED = ("port", "udp", "opened", "closed", "before", "after", "one", "other")
# The index of ports knows no times, but rows are numbered as they come: of a range of up to so many
# events it takes 10 ms to learn the first and the last number, which leave out the other years.
_FEW_EVENTS = 200_000
_OF_A_LIFE = (
    *("id", "protocol", "address", "port", "hidden", "interface", "v6only"),
    *("opened_at", "opened_seen", "closed_at", "closed_seen", "pid", "title"),
)

_SECOND = 1_000_000
_HOUR, _DAY = 3600 * _SECOND, 86400 * _SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MONDAY = 4 * _DAY
_LENGTHS = {
    "second": _SECOND,
    "10 seconds": 10 * _SECOND,
    "minute": 60 * _SECOND,
    "5 minutes": 300 * _SECOND,
    "15 minutes": 900 * _SECOND,
    "hour": _HOUR,
    "6 hours": 6 * _HOUR,
    "day": _DAY,
    "week": 7 * _DAY,
    "30 days": 30 * _DAY,
}
_MAX_BUCKETS = 240  # more bars than that are narrower than 4 pixels
# Ports and programs are counted ahead by the hour: of a longer range, shorter buckets would have to
# be counted event by event.
_LONGEST_UNCOUNTED = 6 * _HOUR

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
    begun = first_watch(connection)
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
    found = busiest(connection, filters, since, until)
    if found.empty:
        return None
    by_time = buckets(since, until, zone, by_port=event_counts.is_narrowed(filters))
    by_port = buckets(since, until, zone, by_port=True)
    shown = named(connection, found.head(MAX_ROWS))
    cells = event_counts.by_port(connection, filters, _rows(shown), by_port.edges)
    alone, crowded = parted(shown)
    alone_lives = lives(connection, filters, since, until, _rows(alone))
    counts = event_counts.turnover(connection, filters, by_time.edges)
    of_kind = event_counts.of_kind(shown, filters.kind)
    busy = shown[of_kind["opened"] + of_kind["closed"] > 0]
    return Timeline(
        turnover=_on(zone, counts),
        bucket=by_time.name,
        lives=_on(zone, alone_lives),
        merged=_on(zone, stretches(crowded, cells, by_port.edges)),
        cells=event_counts.of_kind(cells, filters.kind),
        edges=times(pd.Series(by_port.edges)).dt.tz_convert(zone),
        bucket_by_port=by_port.name,
        rows=sorted(_rows(shown)),
        heat_rows=sorted(_rows(busy.head(MAX_HEAT_ROWS))),
        ports=len(found),
        crowded=len(crowded),
        count=int(found["lives"].sum()),
        drifts=bool((found["before"] + found["opened"] != found["closed"] + found["after"]).any()),
    )


def first_watch(connection: engine.Connection) -> int | None:
    """The time at which the first watch began, None if there never was any."""
    found: int | None = connection.execute("SELECT min(started_at) FROM watch").fetchone()[0]
    return found


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


def busiest(
    connection: engine.Connection, filters: Filters, since: int, until: int
) -> pd.DataFrame:
    """Every port that had a listener open in since..until: `opened` and `closed` in that range,
    `before` how many were open when it began and `after` when it ended, `lives` how many overlap
    it, and `program` the number of the only program that had it: missing where there were several,
    0 where none is known. The most events come first, of as many the lower port.

    Events are counted by the program of their time, what was open by its owner of today: where a
    listener changed hands, `before` + `opened` is not `closed` + `after` for a program.
    """
    counts = [
        part.asking(_by_port("sum(opened), sum(closed), 0, 0"), "GROUP BY port, protocol")
        for part in event_counts.parts_by_port(filters, since, until, [])
    ]
    standing = [
        _standing(filters, since - 1, "0, 0, count(*), 0"),
        _standing(filters, until, "0, 0, 0, count(*)"),
    ]
    found = event_counts.rows(connection, [*counts, *standing], len(_SUMMED))
    keys, sums, one, other = _grouped(found)
    busy = np.argsort(-sums[:, 0] - sums[:, 1], kind="stable")
    opened, closed, before, after = sums[busy].T
    several = (one != other) & (other != 0)
    return pd.DataFrame(
        {
            "port": keys[busy] // 2,
            "opened": opened,
            "closed": closed,
            "before": before,
            "after": after,
            "lives": np.maximum(opened + before, closed + after),
            "program": pd.arrays.IntegerArray(other[busy], several[busy]),
            "protocol": np.where(keys[busy] % 2 == 1, Protocol.UDP, Protocol.TCP),
        }
    )


def _grouped(found: Numbers) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """By port and protocol, whose key is the port doubled and one for UDP: the key, the four sums,
    the least and the highest number of a program. pandas takes four times as long."""
    keys, row = np.unique(found[:, 0] * 2 + found[:, 1], return_inverse=True)
    sums = np.zeros((len(keys), 4), dtype="int64")
    np.add.at(sums, row, found[:, 2:6])
    one, other = np.full(len(keys), _NOBODY), np.zeros(len(keys), dtype="int64")
    np.minimum.at(one, row, found[:, 6])
    np.maximum.at(other, row, found[:, 7])
    return keys, sums, one, other


def named(connection: engine.Connection, ports: pd.DataFrame) -> pd.DataFrame:
    """These rows of `busiest` with `process`, the title of `program`: missing where there were
    several, empty where none is known."""
    numbers = json.dumps(ports["program"].dropna().tolist())
    found = connection.execute(
        "SELECT id, title(name, exe, cmdline) FROM program"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (numbers,),
    )
    names = dict(map(tuple, found))
    process = [None if pd.isna(each) else names.get(each, "") for each in ports["program"]]
    return ports.assign(process=pd.Series(process, index=ports.index, dtype="str"))


def _by_port(counts: str) -> str:
    programs = f"coalesce(min(nullif(program_id, 0)), {_NOBODY}), coalesce(max(program_id), 0)"
    return f"port, protocol = 'udp', {counts}, {programs}"


def _standing(filters: Filters, moment: int, counts: str) -> Part:
    what = "l.port, l.protocol, l.program_id"
    question = open_between(moment, moment, what, matching(filters))
    return Part(question).asking(_by_port(counts), "GROUP BY port, protocol")


def stretches(ports: pd.DataFrame, cells: pd.DataFrame, edges: list[int]) -> pd.DataFrame:
    """The stretches of whole buckets in which each of these ports had a listener: a row from
    `start` to `end` for neighbours of which each has, with what was `opened` and `closed` in it.

    ports: rows of `busiest`; cells: `event_counts.by_port` of them over the same edges.
    """
    places = {pair: row for row, pair in enumerate(values(ports, "port", "protocol"))}
    opened, closed = np.zeros((2, len(ports), len(edges) - 1), dtype="int64")
    rows = [places.get(pair, -1) for pair in values(cells, "port", "protocol")]
    known = np.array(rows, dtype="int64") >= 0
    at = np.array(rows, dtype="int64")[known], cells["bucket"].to_numpy("int64")[known]
    opened[at] = cells["opened"].to_numpy("int64")[known]
    closed[at] = cells["closed"].to_numpy("int64")[known]
    before = ports["before"].to_numpy("int64")[:, None]
    after = before + (opened - closed).cumsum(axis=1)
    held = (np.hstack([before, after[:, :-1]]) > 0) | (opened > 0)
    # An edge on each side, so that every run has a beginning and an end.
    turns = np.diff(np.pad(held.astype("int8"), ((0, 0), (1, 1))), axis=1)
    row, first = np.nonzero(turns == 1)
    last = np.nonzero(turns == -1)[1]
    sums = [np.pad(part.cumsum(axis=1), ((0, 0), (1, 0))) for part in (opened, closed)]
    found = ports.iloc[row][["port", "protocol", "process"]].reset_index(drop=True)
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
) -> pd.DataFrame:
    """The lives on these ports that overlap since..until, in the order of their opening.

    `opened_from` is the earliest time at which it may have opened, and `closed_from` at which it
    may have closed: the time itself where the kernel told, missing where nothing bounds it.
    `address` has the interface, too, as ss writes it.
    """
    if not ports:
        ports = [(-1, "")]  # no listener has it, and the answer keeps its columns
    few = event_counts.total(connection, since, until) <= _FEW_EVENTS
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
    places = [bound(row["address"], row["interface"], None, row["v6only"]) for row in found]
    frame["address"] = [each.shown for each in places]
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


@dataclass(frozen=True, slots=True)
class Buckets:
    """The name of a bucket, and the times between the buckets, in microseconds since the epoch:
    the first is not after the range's beginning, the last is after its end."""

    name: str
    edges: list[int]


def buckets(since: int, until: int, zone: ZoneInfo, *, by_port: bool) -> Buckets:
    """The shortest buckets that divide a range into few enough; `by_port` says that events are
    told apart by port, protocol or program."""
    shortest = _HOUR if by_port and until - since > _LONGEST_UNCOUNTED else 0
    fitting = (
        (name, length)
        for name, length in _LENGTHS.items()
        if length >= shortest and (until - since) / length <= _MAX_BUCKETS
    )
    name, length = next(fitting, list(_LENGTHS.items())[-1])
    step = _even_step if length <= _HOUR else _calendar_step
    return Buckets(name, step(since, until, length, zone))


def _even_step(since: int, until: int, length: int, zone: ZoneInfo) -> list[int]:
    shift = 0 if length == _HOUR else _offset(since, zone)
    first = (since + shift) // length * length - shift
    return list(range(first, until + length + 1, length))


def _calendar_step(since: int, until: int, length: int, zone: ZoneInfo) -> list[int]:
    """Days begin at the viewer's midnight, however long the clock's changes make them."""
    start = _FIRST_MONDAY if length == 7 * _DAY else 0
    wall = (since + _offset(since, zone) - start) // length * length + start
    edges = [_moment(wall, zone)]
    while edges[-1] <= until:
        wall += length
        edges.append(_moment(wall, zone))
    return edges


def _offset(moment: int, zone: ZoneInfo) -> int:
    offset = (_EPOCH + timedelta(microseconds=moment)).astimezone(zone).utcoffset()
    return (offset or timedelta()) // timedelta(microseconds=1)


def _moment(wall: int, zone: ZoneInfo) -> int:
    at = (_EPOCH + timedelta(microseconds=wall)).replace(tzinfo=zone)
    # Down to a whole hour of UTC, which is what is counted ahead: where the clock differs from UTC
    # by half hours, a day begins at the half hour before midnight.
    return (at - _EPOCH) // timedelta(hours=1) * _HOUR
