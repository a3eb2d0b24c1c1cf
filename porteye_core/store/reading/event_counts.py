"""Counts of events per bucket of time, exact, from the tables that count ahead.

A month of a busy machine is a million events and 720 hours: a range is cut into whole buckets,
which have been counted, and single events at its ends. Buckets that are over are read from their
packs, and what is not packed yet from the rows of activity. Sums over buckets that are over stay in
memory: a timeline is drawn anew every half minute, and of its thirty days one hour at most has
changed. At 10 M events it takes 30 milliseconds to add up the days, and one to look them up.
"""

import json
import math
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from porteye_core.model import Filters, Kind
from porteye_core.store import engine
from porteye_core.store.reading.listener_rows import (
    HOME_OF_EVENT,
    Question,
    every,
    matching,
    matching_columns,
    needs_listener,
    open_between,
    times,
)
from porteye_core.store.reading.packs import Numbers, PackFilter, Piece, Summed, by_place, by_time
from porteye_core.store.tables.event_counters import ACTIVITY, TURNOVER
from porteye_core.store.tables.pack_table import RESOLUTIONS

Answer = TypeVar("Answer")

_CACHED = 64  # answers; the longest, of all ports of a busy month, has 30,000 rows of 64 bytes
# An owner that is learnt later moves an event from nobody to a program, which no sum of `turnover`
# tells: what is kept is asked anew after so many seconds.
_RENEWED = 600

_SECOND = 1_000_000
_HOUR = 3600 * _SECOND
_ROWS_A_SEEK = 8  # so many rows are read one after the other in the time in which one is sought


@dataclass(frozen=True, slots=True)
class Packed:
    """The packs of a piece: `summed` are the rows that they come to, and `rest` is the question
    about a piece that is not packed."""

    packs: PackFilter
    piece: Piece
    rest: Callable[[Piece], Question]
    summed: Summed | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """The question about a part of a range; `over` is that part if it is over (see `cut`), and
    `packed` its packs if it may have any."""

    question: Question
    over: Piece | None = None
    packed: Packed | None = None

    def asking(
        self, columns: str, groups: str, *parameters: int, summed: Summed | None = None
    ) -> "Part":
        """These columns of its rows by groups; parameters: those of the columns; summed: the same
        of packs."""

        def asked(of: Question) -> Question:
            sql = f"SELECT {columns} FROM ({of.sql}) AS part {groups}"
            return Question(sql, (*parameters, *of.parameters))

        packed = None
        if self.packed and summed:
            rest = self.packed.rest
            packed = replace(self.packed, rest=lambda piece: asked(rest(piece)), summed=summed)
        return Part(asked(self.question), self.over, packed)


def turnover(connection: engine.Connection, filters: Filters, edges: list[int]) -> pd.DataFrame:
    """Opens and closes of since..until between each two neighbours of `edges`, which reach over
    it: `at` and `end` bound a bucket, and `open` is how many listeners were open at its end."""
    since, until = _bounds(filters)
    grain = _grain(edges)
    columns, by = "(at - ?) / ? AS place, sum(opened), sum(closed)", "GROUP BY place"
    summed = by_time(edges[0], grain)
    asked = [
        part.asking(columns, by, edges[0], grain, summed=summed)
        for part in parts(filters, since, until, edges)
    ]
    place, opened, closed = rows(connection, asked, 3).T
    bucket, length = _buckets(place, grain, edges), len(edges) - 1
    frame = pd.DataFrame(
        {"opened": _sums(bucket, opened, length), "closed": _sums(bucket, closed, length)}
    )
    open_before = open_between(since - 1, since - 1, where=matching(filters))
    count = f"SELECT count(*) FROM ({open_before.sql}) AS open_before"
    before = connection.execute(count, open_before.parameters).fetchone()[0]
    # A listener that changed hands may count as opened by one program and closed by another.
    frame["open"] = (before + (frame["opened"] - frame["closed"]).cumsum()).clip(lower=0)
    frame.insert(0, "at", times(pd.Series(edges[:-1])))
    frame.insert(1, "end", times(pd.Series(edges[1:])))
    return of_kind(frame, filters.kind)


def of_kind(frame: pd.DataFrame, kind: Kind | None) -> pd.DataFrame:
    """The frame with its counts of events of another kind set to 0; None: unchanged."""
    return frame.assign(**{each.value: 0 for each in Kind if kind not in (None, each)})


def total(connection: engine.Connection, since: int, until: int, kind: Kind | None = None) -> int:
    """The number of events of a kind, or of both, in since..until."""
    sums = [part.asking(sum_of(kind), "") for part in parts(Filters(), since, until, [])]
    return int(rows(connection, sums, 1).sum())


def sum_of(kind: Kind | None) -> str:
    """The column that adds up the counts of a kind of event, or of both."""
    sums = " + ".join(f"sum({each})" for each in Kind if kind in (None, each))
    return f"coalesce({sums}, 0)"


def by_port(
    connection: engine.Connection,
    filters: Filters,
    ports: list[tuple[int, str]],
    edges: list[int],
) -> pd.DataFrame:
    """Opens and closes of since..until on these ports, in each bucket between the edges that has
    any: `bucket` is the place of its first edge."""
    since, until = _bounds(filters)
    grain = _grain(edges)
    seeks = len(ports) * ((until - since) // grain + 1)
    all_events = total(connection, since, until)
    sought = [port for port, _ in ports] if all_events > seeks * _ROWS_A_SEEK else []
    numbers = ",".join(dict.fromkeys(str(int(port)) for port, _ in ports))
    parts = [
        part.asking(
            "port, protocol = 'udp' AS udp, (at - ?) / ? AS place, sum(opened), sum(closed)",
            f"WHERE +port IN ({numbers}) GROUP BY port, protocol, place",
            edges[0],
            grain,
            summed=by_place([port for port, _ in ports], edges[0], grain),
        )
        for part in parts_by_port(filters, since, until, edges, sought)
    ]
    found = rows(connection, parts, 5)
    places = {(port, protocol == "udp"): place for place, (port, protocol) in enumerate(ports)}
    which = [places.get((port, udp == 1), -1) for port, udp in found[:, :2].tolist()]
    row = np.array(which, dtype="int64")
    place, opened, closed = found[row >= 0, 2:].T
    row = row[row >= 0]
    width = len(edges) - 1
    cells = row * width + _buckets(place, grain, edges)
    sums = [_sums(cells, each, len(ports) * width) for each in (opened, closed)]
    (held,) = np.nonzero(sums[0] + sums[1])
    row, bucket = np.divmod(held, width)
    frame = pd.DataFrame(ports, columns=["port", "protocol"]).iloc[row].reset_index(drop=True)
    return frame.assign(bucket=bucket, opened=sums[0][held], closed=sums[1][held])


def _bounds(filters: Filters) -> tuple[int, int]:
    if filters.since is None or filters.until is None:
        raise ValueError("A question about a range needs both its ends.")
    return filters.since, filters.until


def _grain(edges: list[int]) -> int:
    """The longest step from the first edge that meets every other: the database adds up by it, and
    what it answers is no longer than the chart, but for a day of 23 or 25 hours."""
    return math.gcd(*(edge - edges[0] for edge in edges[1:]))


def _buckets(place: Numbers, grain: int, edges: list[int]) -> Numbers:
    """The bucket in which each grain lies."""
    found: Numbers = np.searchsorted(edges, edges[0] + place * grain, side="right") - 1
    return found


def _sums(cells: Numbers, counts: Numbers, length: int) -> Numbers:
    return np.bincount(cells, weights=counts, minlength=length).astype("int64")


def is_narrowed(filters: Filters) -> bool:
    """True if the filters leave any listener out; kind, times and limit do not count."""
    return bool(filters.ports or filters.process or filters.protocol or needs_listener(filters))


def parts(filters: Filters, since: int, until: int, edges: list[int]) -> list[Part]:
    """Rows of `at`, `opened` and `closed` in since..until, `until` included, piece by piece; none
    counts what lies on both sides of an edge."""
    if not is_narrowed(filters):
        return [
            Part(_turnover(each) if each.resolution else _events(each))
            for each in pieces(since, until + 1, fitting(TURNOVER, edges))
        ]
    found = parts_by_port(filters, since, until, edges)
    if needs_listener(filters):
        return found
    # Each piece is summed in the order in which its table has it: nothing is left to sort.
    columns = "at, sum(opened) AS opened, sum(closed) AS closed"
    return [part.asking(columns, "GROUP BY at", summed=by_time(0, 1)) for part in found]


def parts_by_port(
    filters: Filters, since: int, until: int, edges: list[int], sought: Sequence[int] = ()
) -> list[Part]:
    """The same with `port`, `protocol` and `program_id`, which is 0 where it is not known.

    sought: ports to seek in each bucket, which pays where a bucket has many more; others may be in
    the answer, too. No sum knows what only the row of a listener does: then each event is read.
    """
    by_event = needs_listener(filters)
    packs = PackFilter(filters)

    def rest(piece: Piece) -> Question:
        if piece.resolution in ACTIVITY and not by_event:
            return _activity(filters, piece, sought)
        return _events_by_port(filters, piece)

    return [
        Part(rest(each), each if is_over else None, None if by_event else Packed(packs, each, rest))
        for each, is_over in cut(since, until + 1, fitting(RESOLUTIONS, edges))
    ]


def _turnover(piece: Piece) -> Question:
    return Question(
        "SELECT bucket AS at, opened, closed FROM turnover"
        " WHERE resolution = ? AND bucket >= ? AND bucket < ?",
        (piece.resolution, piece.since, piece.until),
    )


def _events(piece: Piece) -> Question:
    return Question(
        f"SELECT at, {_counted('kind')} FROM event WHERE at >= ? AND at < ?",
        (piece.since, piece.until),
    )


def _activity(filters: Filters, piece: Piece, sought: Sequence[int]) -> Question:
    where = matching_columns(filters, "a.port", "a.program_id", "a.protocol")
    columns = "SELECT a.bucket AS at, a.port, a.protocol, a.program_id, a.opened, a.closed"
    if not (sought or filters.ports):
        return Question(
            f"{columns} FROM activity a"
            f" WHERE a.resolution = ? AND a.bucket >= ? AND a.bucket < ? AND {where.sql}",
            (piece.resolution, piece.since, piece.until, *where.parameters),
        )
    if sought:
        ports = ",".join(str(int(port)) for port in sought)
        where = every(where, Question(f"a.port IN ({ports})"))
    # Bucket by bucket: so ports are sought in each.
    buckets = json.dumps(list(range(piece.since, piece.until, piece.resolution * 1_000_000)))
    return Question(
        f"{columns} FROM json_each(?) b CROSS JOIN activity a"
        f" WHERE a.resolution = ? AND a.bucket = b.value AND {where.sql}",
        (buckets, piece.resolution, *where.parameters),
    )


def _events_by_port(filters: Filters, piece: Piece) -> Question:
    # An owner may have been learnt after the opening was written.
    program = "coalesce(e.program_id, l.program_id, 0)"
    # The plus keeps SQLite off the index of ports: a piece is short, a port's history is long.
    where = matching(filters, "+e.port", program, "l.protocol", HOME_OF_EVENT)
    return Question(
        f"SELECT e.at, e.port, l.protocol, {program} AS program_id, {_counted('e.kind')}"
        " FROM event e JOIN listener l ON l.id = e.listener_id"
        f" WHERE e.at >= ? AND e.at < ? AND {where.sql}",
        (piece.since, piece.until, *where.parameters),
    )


def _counted(kind: str) -> str:
    """Columns `opened` and `closed` of an event of this kind: one of them is 1, the other 0."""
    return (
        f"CASE WHEN {kind} = 'opened' THEN 1 ELSE 0 END AS opened,"
        f" CASE WHEN {kind} = 'closed' THEN 1 ELSE 0 END AS closed"
    )


def cut(since: int, until: int, resolutions: tuple[int, ...]) -> list[tuple[Piece, bool]]:
    """`pieces`, and of each whether it is over: buckets that ended at least an hour before `until`,
    so that what happened in them has long been written."""
    settled = max(since, (until - _HOUR) // _HOUR * _HOUR)
    found = *pieces(since, settled, resolutions), *pieces(settled, until, resolutions)
    return [(each, each.resolution > 0 and each.until <= settled) for each in found]


def pieces(since: int, until: int, resolutions: tuple[int, ...]) -> list[Piece]:
    """The fewest pieces that cover since..until, `until` itself left out.

    >>> pieces(59_000_000, 120_000_000, (60,))[-1]
    Piece(resolution=60, since=60000000, until=120000000)
    """
    if since >= until:
        return []
    if not resolutions:
        return [Piece(0, since, until)]
    *finer, resolution = sorted(resolutions)
    bucket = resolution * _SECOND
    first, last = -(-since // bucket) * bucket, until // bucket * bucket
    if first >= last:
        return pieces(since, until, tuple(finer))
    return [
        *pieces(since, first, tuple(finer)),
        Piece(resolution, first, last),
        *pieces(last, until, tuple(finer)),
    ]


def fitting(resolutions: tuple[int, ...], edges: Iterable[int]) -> tuple[int, ...]:
    """Those whose buckets never lie across one of these times."""
    times = list(edges)
    return tuple(each for each in resolutions if not any(time % (each * _SECOND) for time in times))


def rows(connection: engine.Connection, parts: Iterable[Part], width: int) -> Numbers:
    """The answers to all parts, one below the other: whole numbers, so many in a row."""

    def answer(part: Part) -> Numbers:
        if part.over is None:
            return read(part)
        return cached(connection, part.over, part.question, lambda: read(part))

    def read(part: Part) -> Numbers:
        packed = part.packed
        if packed is None or packed.summed is None:
            return ask(part.question)
        packs, missing = packed.packs.of(connection, packed.piece)
        sums = packed.summed(packs).reshape(-1, width)
        return np.concatenate([sums, *(ask(packed.rest(piece)) for piece in missing)])

    def ask(question: Question) -> Numbers:
        found = [tuple(row) for row in connection.execute(*question)]
        return np.array(found, dtype="int64").reshape(-1, width)

    return np.concatenate([np.empty((0, width), dtype="int64"), *map(answer, parts)])


def cached(
    connection: engine.Connection, over: Piece, question: Hashable, ask: Callable[[], Answer]
) -> Answer:
    """The answer to a question about a piece that is over, which nobody may change: `ask` is only
    asked for it if it is not known already."""
    known: Answer = _cached(_Key(question, _version(connection, over), ask))
    return known


def forget() -> None:
    """Know nothing any more, as when the process began."""
    _cached.cache_clear()


@dataclass(frozen=True, slots=True)
class _Key:
    """A question and the state of what it is about: the same of both have the same answer."""

    question: Hashable
    state: tuple[object, ...]
    ask: Callable[[], Any] = field(compare=False)


@lru_cache(_CACHED)
def _cached(key: _Key) -> Any:
    return key.ask()


def _version(connection: engine.Connection, piece: Piece) -> tuple[object, ...]:
    """The version of the counts of a piece. It changes with the file, with events that were found
    or dropped since, and with a new watch, which may know more owners."""
    database = connection.execute("SELECT database_identity()").fetchone()[0]
    if database is None:  # deleted or moved away while it is read
        return (object(),)  # which is like no other
    counts = connection.execute(
        "SELECT sum(opened), sum(closed), (SELECT max(started_at) FROM watch) FROM turnover"
        " WHERE resolution = ? AND bucket >= ? AND bucket < ?",
        (piece.resolution, piece.since, piece.until),
    ).fetchone()
    return (database, *counts, int(time.monotonic() // _RENEWED))
