"""What opened and closed in a range, as SQL over the tables that count ahead and the events."""

import json
from collections.abc import Sequence
from typing import Any

from porteye_core.model import Filters
from porteye_core.store.counts import ACTIVITY, TURNOVER
from porteye_core.store.frames.past import Part
from porteye_core.store.frames.pieces import Piece, cut, fitting, pieces
from porteye_core.store.queries import Question, matching

_HOUR = 3600 * 1_000_000


def is_narrowed(filters: Filters) -> bool:
    """Whether the filters leave any listener out, times and limit aside."""
    return bool(filters.ports or filters.process or filters.protocol)


def parts(filters: Filters, since: int, until: int, edges: list[int]) -> list[Part]:
    """Rows of `at`, `opened` and `closed` in since..until, `until` included, piece by piece; none
    counts what lies on both sides of an edge."""
    if not is_narrowed(filters):
        return [
            Part(_turnover(each) if each.resolution else _events(each))
            for each in pieces(since, until + 1, fitting(TURNOVER, edges))
        ]
    # Each piece is summed in the order in which its table has it: nothing is left to sort.
    return [
        part.asking("at, sum(opened) AS opened, sum(closed) AS closed", "GROUP BY at")
        for part in parts_by_port(filters, since, until, edges)
    ]


def parts_by_port(
    filters: Filters, since: int, until: int, edges: list[int], sought: Sequence[int] = ()
) -> list[Part]:
    """The same with `port`, `protocol` and `program_id`, which is 0 where it is not known.

    sought: ports to seek in each bucket, which pays where a bucket has many more; others may be in
    the answer, too.
    """
    return [
        Part(
            _activity(filters, each, sought) if each.resolution else _events_by_port(filters, each),
            each if is_over else None,
        )
        for each, is_over in cut(since, until + 1, fitting(ACTIVITY, edges))
    ]


def standing(filters: Filters, moment: int, columns: str = "l.id, l.port, l.protocol") -> Question:
    """These columns of the listeners that were open at a moment.

    A life of a class that was open then closed at most the class's length after it, so that each
    branch reads few entries of the index (see the schema's second step).
    """
    where, parameters = matching(filters, "l.port", "l.program_id", "l.protocol")
    branches: list[tuple[str, tuple[int, ...]]] = [
        ("l.closed_at IS NULL", ()),
        ("l.span = 0 AND l.closed_at > ? AND l.closed_at <= ?", (moment, moment + _HOUR)),
        ("l.span = 1 AND l.closed_at > ? AND l.closed_at <= ?", (moment, moment + 24 * _HOUR)),
        ("l.span = 2 AND l.closed_at > ?", (moment,)),
    ]
    return _union(
        [
            Question(
                f"SELECT {columns} FROM listener l WHERE {branch} AND l.opened_at <= ? AND {where}",
                (*bounds, moment, *parameters),
            )
            for branch, bounds in branches
        ]
    )


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
    where, parameters = matching(filters, "a.port", "a.program_id", "a.protocol")
    columns = "SELECT a.bucket AS at, a.port, a.protocol, a.program_id, a.opened, a.closed"
    if not (sought or filters.ports):
        return Question(
            f"{columns} FROM activity a"
            f" WHERE a.resolution = ? AND a.bucket >= ? AND a.bucket < ? AND {where}",
            (piece.resolution, piece.since, piece.until, *parameters),
        )
    if sought:
        where += f" AND a.port IN ({','.join(str(int(port)) for port in sought)})"
    # Bucket by bucket: so ports are sought in each.
    buckets = json.dumps(list(range(piece.since, piece.until, piece.resolution * 1_000_000)))
    return Question(
        f"{columns} FROM json_each(?) b CROSS JOIN activity a"
        f" WHERE a.resolution = ? AND a.bucket = b.value AND {where}",
        (buckets, piece.resolution, *parameters),
    )


def _events_by_port(filters: Filters, piece: Piece) -> Question:
    # An owner may have been learnt after the opening was written.
    program = "coalesce(e.program_id, l.program_id, 0)"
    # The plus keeps SQLite off the index of ports: a piece is short, a port's history is long.
    where, parameters = matching(filters, "+e.port", program, "l.protocol")
    return Question(
        f"SELECT e.at, e.port, l.protocol, {program} AS program_id, {_counted('e.kind')}"
        " FROM event e JOIN listener l ON l.id = e.listener_id"
        f" WHERE e.at >= ? AND e.at < ? AND {where}",
        (piece.since, piece.until, *parameters),
    )


def _counted(kind: str) -> str:
    """Columns `opened` and `closed` of an event of this kind: one of them is 1, the other 0."""
    return (
        f"CASE WHEN {kind} = 'opened' THEN 1 ELSE 0 END AS opened,"
        f" CASE WHEN {kind} = 'closed' THEN 1 ELSE 0 END AS closed"
    )


def _union(questions: list[Question]) -> Question:
    parameters: list[Any] = [value for each in questions for value in each.parameters]
    return Question("\nUNION ALL ".join(each.sql for each in questions), tuple(parameters))
