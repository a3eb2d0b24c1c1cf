"""The rows of a timeline: which of its ports, programs or exposures are drawn, in their order."""

from dataclasses import dataclass, replace
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from porteye_core.model import Filters, Kind
from porteye_core.store import engine
from porteye_core.store.reading import ephemeral_ports, event_counts
from porteye_core.store.reading.busy_ports import Place, busiest, counted, known, places
from porteye_core.store.reading.ephemeral_ports import Crowd
from porteye_core.store.reading.listener_rows import times
from porteye_core.store.reading.packs import Numbers
from porteye_core.store.reading.time_bounds import DAY, HOUR, LONGEST_UNCOUNTED, Buckets, buckets

MAX_ROWS = 50  # ports that a reader still takes in
_BUSIEST = 12  # ports
# Buckets that are no whole hours are read event by event: of more events than that, which take a
# tenth of a second, ports are counted by whole hours.
_STORM = 50_000
# The hours of so many events are read in a tenth of a second: of more, ephemeral ports are counted
# by the day.
_MANY_EVENTS = 300_000


class Grouping(StrEnum):
    """The thing that a row of the timeline stands for."""

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
    """The number of listeners of several ports that were open in each bucket between the edges:
    when it began or since."""

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
    """The number of ports that these have, those of several counted once."""
    return len(np.unique(np.concatenate([each.ports for each in crowds]))) if crowds else 0


def _crowd_row(crowd: Crowd, edges: "pd.Series[pd.Timestamp]") -> Row:
    density = Density(crowd.held, edges)
    return Row(crowd.name, density=density, ports=len(crowd.ports), is_ephemeral=True)


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
