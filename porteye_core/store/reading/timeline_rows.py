"""The rows of a timeline: which of its ports, programs or exposures are drawn, in their order."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from porteye_core.exposure import Exposure, exposure
from porteye_core.model import Filters, Kind, Protocol
from porteye_core.store import engine
from porteye_core.store.reading import ephemeral_ports, event_counts, packs
from porteye_core.store.reading.ephemeral_ports import Crowd
from porteye_core.store.reading.event_counts import Part
from porteye_core.store.reading.listener_rows import (
    bound_of,
    from_tables,
    matching,
    open_between,
    owners,
    select_columns,
    times,
    values,
)
from porteye_core.store.reading.packs import NOBODY, Numbers, Pack
from porteye_core.store.reading.time_bounds import DAY, HOUR, LONGEST_UNCOUNTED, Buckets, buckets

MAX_ROWS = 50  # ports that a reader still takes in
_BUSIEST = 12  # ports
_RANKED = 400  # ports that are put in order; of more, those that stood or had most events
# Buckets that are no whole hours are read event by event: of more events than that, which take a
# tenth of a second, ports are counted by whole hours.
_STORM = 50_000
# The hours of so many events are read in a tenth of a second: of more, ephemeral ports are counted
# by the day.
_MANY_EVENTS = 300_000
_SUMMED = ("port", "udp", "opened", "closed", "before", "after", "one", "other")
_BOUND = ("address", "interface", "interface_kind", "v6only", "namespace")

Place = tuple[int, str]  # port and protocol


class Grouping(StrEnum):
    """What a row of the timeline stands for."""

    PORT = "port"
    PROGRAM = "program"
    EXPOSURE = "exposure"


_NAMED = {Grouping.PORT: "process", Grouping.PROGRAM: "process", Grouping.EXPOSURE: "exposure"}


@dataclass(frozen=True, slots=True)
class Shape:
    """The rows that are asked for: at most so many of a grouping. `folded` of them are for the
    programs with most of the `ephemeral` ports, which are rows like all others where it is 0."""

    grouping: Grouping = Grouping.PORT
    rows: int = MAX_ROWS
    folded: int = 0
    ephemeral: tuple[int, int] = (32768, 60999)

    def folds(self, filters: Filters) -> bool:
        """True if the ephemeral ports are folded: not if ports are asked for by number."""
        return self.folded > 0 and not filters.ports

    @property
    def is_by_port(self) -> bool:
        """True if each port is a row."""
        return self.grouping is Grouping.PORT


@dataclass(frozen=True, slots=True)
class Density:
    """How many listeners of several ports were open in each bucket between the edges: when it began
    or since, each of them counted."""

    counts: Numbers
    edges: "pd.Series[pd.Timestamp]"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the timeline: the lives of one port, or the density of several.

    `name` is that of its program, or an exposure; `ports`: how many there are.
    """

    name: str
    is_reachable: bool = False
    place: Place | None = None
    density: Density | None = None
    ports: int = 1
    is_ephemeral: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows to draw, of `all_rows`, and what is counted of the range.

    drawn: those of `busiest` that have a row of their own, with `exposure` and `process`; opened,
    closed, standing: `counted` of them in the buckets by port. busiest: the ports with most events,
    of `active` that have any, and how many in each bucket. counts: `event_counts.turnover` in the
    buckets by time; events: how many the range has, whatever the filters are. ports, lives: how
    many had a listener open, and how many listeners there were; crowds: how many programs had
    ephemeral ports that are folded; drifts: listeners changed hands, so that a program's openings
    and closings do not tell how many it had open; is_rounded: ports are counted by whole hours.
    """

    rows: list[Row]
    all_rows: int
    drawn: pd.DataFrame
    opened: Numbers
    closed: Numbers
    standing: Numbers
    busiest: dict[Place, Numbers]
    active: int
    counts: pd.DataFrame
    events: int
    by_port: Buckets
    by_time: Buckets
    ports: int
    lives: int
    crowds: int
    drifts: bool
    is_rounded: bool


def rows(
    connection: engine.Connection,
    filters: Filters,
    since: int,
    until: int,
    zone: ZoneInfo,
    shape: Shape,
) -> Rows | None:
    """The rows of the timeline of since..until, None if no listener was open in it."""
    begun, over = whole_hours(connection, since, until)
    is_rounded = (begun, over) != (since, until)
    by_port = buckets(begun, over, zone, by_port=True, shortest=HOUR if is_rounded else 0)
    lasting, passing = (replace(each, since=begun, until=over) for each in split(filters, shape))
    crowds = (
        _crowds(connection, passing, begun, over, by_port, zone) if shape.folds(filters) else []
    )
    found = busiest(connection, lasting, begun, over)
    if found.empty and not crowds:
        return None
    ranked = known(connection, lasting, found, begun, over)
    cells = event_counts.by_port(connection, lasting, places(ranked), by_port.edges)
    opened, closed, standing = counted(ranked, cells, len(by_port.edges) - 1)
    edges = times(pd.Series(by_port.edges)).dt.tz_convert(zone)
    all_rows = _grouped(ranked, standing + opened, edges, shape)
    folded = [_crowd_row(*each) for each in crowds[: shape.folded]]
    shown = fitting(all_rows, shape.rows - len(folded))
    of = {row.place for row in shown}
    own = [number for number, place in enumerate(places(ranked)) if place in of]
    asked = replace(filters, since=since, until=until)
    by_time = buckets(since, until, zone, by_port=event_counts.is_narrowed(filters))
    return Rows(
        rows=shown + folded,
        all_rows=len(all_rows) + (len(found) - len(ranked) if shape.is_by_port else 0),
        drawn=ranked.iloc[own].reset_index(drop=True),
        opened=opened[own],
        closed=closed[own],
        standing=standing[own],
        busiest=_busiest(ranked, opened, closed, filters.kind),
        counts=event_counts.turnover(connection, asked, by_time.edges),
        events=event_counts.total(connection, since, until),
        active=int((found["opened"] + found["closed"] > 0).sum()),
        by_port=by_port,
        by_time=by_time,
        ports=len(found) + _distinct([crowd for crowd, _ in crowds]),
        lives=int(found["lives"].sum()) + sum(crowd.lives for crowd, _ in crowds),
        crowds=len(crowds),
        drifts=bool((found["before"] + found["opened"] != found["closed"] + found["after"]).any()),
        is_rounded=is_rounded,
    )


def whole_hours(connection: engine.Connection, since: int, until: int) -> tuple[int, int]:
    """The range over which ports are counted: since..until, and in a storm of events the whole
    hours around it."""
    begun, over = -(-since // HOUR) * HOUR, until // HOUR * HOUR
    is_short = until - since <= LONGEST_UNCOUNTED
    uncounted = [(since, until)] if is_short else [(since, begun), (over, until)]
    if sum(event_counts.total(connection, *each) for each in uncounted) <= _STORM:
        return since, until
    return since // HOUR * HOUR, -(-until // HOUR) * HOUR


def split(filters: Filters, shape: Shape) -> tuple[Filters, Filters]:
    """The filters without the ephemeral ports, and of these alone, if they are folded."""
    if not shape.folds(filters):
        return filters, filters
    first, last = shape.ephemeral
    others = tuple(pair for pair in ((0, first - 1), (last + 1, 65535)) if pair[0] <= pair[1])
    return replace(filters, ports=others), replace(filters, ports=((first, last),))


def _crowds(
    connection: engine.Connection,
    filters: Filters,
    since: int,
    until: int,
    by_port: Buckets,
    zone: ZoneInfo,
) -> list[tuple[Crowd, "pd.Series[pd.Timestamp]"]]:
    """Programs by name with their ephemeral ports, those with most ports first, and the edges of
    the buckets in which they are counted."""
    if until - since > 2 * DAY and event_counts.total(connection, since, until) > _MANY_EVENTS:
        by_port = buckets(since, until, zone, by_port=True, shortest=DAY)
    found = ephemeral_ports.by_name(connection, filters, since, until, by_port.edges)
    edges = times(pd.Series(by_port.edges)).dt.tz_convert(zone)
    return [(crowd, edges) for crowd in sorted(found, key=lambda each: -len(each.ports))]


def _distinct(crowds: list[Crowd]) -> int:
    """How many ports these have, those of several counted once."""
    return len(np.unique(np.concatenate([each.ports for each in crowds]))) if crowds else 0


def _crowd_row(crowd: Crowd, edges: "pd.Series[pd.Timestamp]") -> Row:
    density = Density(crowd.held, edges)
    return Row(crowd.name, density=density, ports=len(crowd.ports), is_ephemeral=True)


def known(
    connection: engine.Connection, filters: Filters, found: pd.DataFrame, since: int, until: int
) -> pd.DataFrame:
    """Those rows of `busiest` that may be shown, with the `exposure` of the port, that which
    reaches furthest of its listeners at the edges of the range and of its last one, and with the
    `process` of the latest of these."""
    standing = np.sign(found["before"]) + np.sign(found["after"])
    likely = np.argsort(-standing, kind="stable")[:_RANKED]  # of as many, by events
    found = found.iloc[likely].reset_index(drop=True)
    latest = _latest(connection, filters, found, since, until)
    default = Exposure.UNKNOWN, ""
    known = [latest.get(place, default) for place in places(found)]
    found["exposure"] = [each.value for each, _ in known]
    found["is_reachable"] = np.array([each.is_reachable for each, _ in known], dtype=bool)
    found["process"] = pd.Series([name for _, name in known], index=found.index, dtype="str")
    return found


def _latest(
    connection: engine.Connection, filters: Filters, ports: pd.DataFrame, since: int, until: int
) -> dict[Place, tuple[Exposure, str]]:
    where = matching(filters)
    before, after = (open_between(at, at, where=where) for at in (since - 1, until))
    numbers = json.dumps(list(dict.fromkeys(ports["port"].tolist())))
    found = connection.execute(
        f"""
        SELECT {select_columns("port", "protocol", "hidden", "title", *_BOUND)}
        FROM {from_tables()}
        WHERE {where.sql} AND l.id IN (
            SELECT id FROM ({before.sql}) AS standing_before
            UNION SELECT id FROM ({after.sql}) AS standing_after
            UNION SELECT (SELECT e.listener_id FROM event e WHERE e.port = p.value AND e.id <=
                (SELECT id FROM event WHERE at <= ? ORDER BY at DESC LIMIT 1)
                ORDER BY e.id DESC LIMIT 1)
            FROM json_each(?) p
        ) ORDER BY l.opened_at, l.id
        """,
        (*where.parameters, *before.parameters, *after.parameters, until, numbers),
    ).fetchall()
    named = owners(
        pd.DataFrame([(row["title"], row["hidden"]) for row in found], columns=["title", "hidden"])
    )
    latest = dict[Place, tuple[Exposure, str]]()
    for row, name in zip(found, named, strict=True):
        place, reach = (row["port"], row["protocol"]), exposure(bound_of(row))
        furthest = latest.get(place, (reach, ""))[0]
        latest[place] = furthest if furthest.is_reachable else reach, name
    return latest


def _grouped(
    ranked: pd.DataFrame, held: Numbers, edges: "pd.Series[pd.Timestamp]", shape: Shape
) -> list[Row]:
    """Every row of these ports: those that can be reached from the network first, then those that
    were open for longer. held: how many listeners each had in each bucket."""
    reach = ranked["is_reachable"].to_numpy(dtype=bool)
    order = np.lexsort(
        (ranked["port"], -np.count_nonzero(held, axis=1), np.logical_not(reach))
    ).tolist()
    all_, names = places(ranked), ranked[_NAMED[shape.grouping]].tolist()
    if shape.is_by_port:
        return [Row(names[each], bool(reach[each]), all_[each]) for each in order]
    members: dict[str, list[int]] = {}
    for each in order:
        members.setdefault(names[each], []).append(each)
    found = []
    for name, of in members.items():
        row = Row(name, bool(reach[of].any()), all_[of[0]])
        if len(of) > 1 or shape.grouping is Grouping.EXPOSURE:
            density = Density(held[of].sum(axis=0), edges)
            row = replace(row, place=None, density=density, ports=len(of))
        found.append(row)
    return found


def _busiest(
    ranked: pd.DataFrame, opened: Numbers, closed: Numbers, kind: Kind | None
) -> dict[Place, Numbers]:
    both = opened + closed
    counts = both if kind is None else opened if kind is Kind.OPENED else closed
    most = np.argsort(-counts.sum(axis=1), kind="stable")[:_BUSIEST].tolist()
    all_ = places(ranked)
    return {all_[each]: counts[each] for each in most if counts[each].any()}


def fitting(rows: list[Row], count: int) -> list[Row]:
    """The first rows, of which a third is for those that cannot be reached from the network."""
    near = [row for row in rows if not row.is_reachable]
    far = [row for row in rows if row.is_reachable][: max(count - len(near), count - count // 3)]
    return far + near[: max(0, count - len(far))]


def places(frame: pd.DataFrame) -> list[Place]:
    """The port and the protocol of each row."""
    return list(values(frame, "port", "protocol"))


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
        part.asking(
            _by_port("sum(opened), sum(closed), 0, 0"),
            "GROUP BY port, protocol",
            summed=_sums_by_port,
        )
        for part in event_counts.parts_by_port(filters, since, until, [])
    ]
    standing = [
        _standing(filters, since - 1, "0, 0, count(*), 0"),
        _standing(filters, until, "0, 0, 0, count(*)"),
    ]
    found = event_counts.rows(connection, [*counts, *standing], len(_SUMMED))
    keys, sums, one, other = _summed(found)
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


def _summed(found: Numbers) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """By port and protocol, whose key is the port doubled and one for UDP: the key, the four sums,
    the least and the highest number of a program. pandas takes four times as long."""
    keys, row = np.unique(found[:, 0] * 2 + found[:, 1], return_inverse=True)
    sums = np.zeros((len(keys), 4), dtype="int64")
    np.add.at(sums, row, found[:, 2:6])
    one, other = np.full(len(keys), NOBODY), np.zeros(len(keys), dtype="int64")
    np.minimum.at(one, row, found[:, 6])
    np.maximum.at(other, row, found[:, 7])
    return keys, sums, one, other


def _by_port(counts: str) -> str:
    programs = f"coalesce(min(nullif(program_id, 0)), {NOBODY}), coalesce(max(program_id), 0)"
    return f"port, protocol = 'udp', {counts}, {programs}"


def _sums_by_port(found: Iterable[Pack]) -> Numbers:
    """The same of packs."""
    return np.insert(packs.by_port(found), (4, 4), 0, axis=1)


def _standing(filters: Filters, moment: int, counts: str) -> Part:
    what = "l.port, l.protocol, l.program_id"
    question = open_between(moment, moment, what, matching(filters))
    return Part(question).asking(_by_port(counts), "GROUP BY port, protocol")


def counted(
    ports: pd.DataFrame, cells: pd.DataFrame, width: int
) -> tuple[Numbers, Numbers, Numbers]:
    """How many listeners of each of these ports opened and closed in each bucket, and how many were
    open when it began.

    ports: rows of `busiest`; cells: `event_counts.by_port` of them over the same edges.
    """
    rows = {place: row for row, place in enumerate(places(ports))}
    opened, closed = np.zeros((2, len(ports), width), dtype="int64")
    row = np.array([rows.get(place, -1) for place in places(cells)], dtype="int64")
    known = row >= 0
    at = row[known], cells["bucket"].to_numpy("int64")[known]
    opened[at] = cells["opened"].to_numpy("int64")[known]
    closed[at] = cells["closed"].to_numpy("int64")[known]
    before = ports["before"].to_numpy("int64")[:, None]
    after = before + (opened - closed).cumsum(axis=1)
    return opened, closed, np.hstack([before, after[:, :-1]]).clip(min=0)
