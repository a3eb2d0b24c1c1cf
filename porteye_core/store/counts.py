"""How many events each bucket of time has, in all and by endpoint and program.

A bucket is `at - at % (resolution * 1e6)`, its first microsecond. No transaction of its own.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable

from porteye_core.model import Kind
from porteye_core.store.lives import Event, Learnt

TURNOVER = (60, 3600, 86400)  # resolutions, seconds
ACTIVITY = (3600, 86400)
_UNKNOWN = 0  # the program_id of what nobody is known to have done

_ADD_TURNOVER = """
INSERT INTO turnover VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    opened = opened + excluded.opened, closed = closed + excluded.closed
"""
_ADD_ACTIVITY = """
INSERT INTO activity VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    opened = opened + excluded.opened, closed = closed + excluded.closed
"""


def bucket_of(at: int, resolution: int) -> int:
    """The first microsecond of the bucket that a time is in; resolution in seconds."""
    return at - at % (resolution * 1_000_000)


def add(connection: sqlite3.Connection, events: Iterable[Event]) -> None:
    """Count events: of one transaction together, for a storm has many in one bucket."""
    turnover: Counter[tuple[int, int, Kind]] = Counter()
    activity: Counter[tuple[int, int, int, str, int, Kind]] = Counter()
    for each in events:
        program = each.program or _UNKNOWN
        for resolution in TURNOVER:
            turnover[resolution, bucket_of(each.at, resolution), each.kind] += 1
        for resolution in ACTIVITY:
            bucket = bucket_of(each.at, resolution)
            activity[resolution, bucket, each.port, each.protocol, program, each.kind] += 1
    connection.executemany(
        _ADD_TURNOVER, [(*key[:-1], *_pair(key[-1], turnover[key])) for key in turnover]
    )
    connection.executemany(
        _ADD_ACTIVITY, [(*key[:-1], *_pair(key[-1], activity[key])) for key in activity]
    )


def move(connection: sqlite3.Connection, learnt: Learnt) -> None:
    """Count an opening for the program that is known now, and no longer for nobody."""
    for resolution in ACTIVITY:
        place = resolution, bucket_of(learnt.opened_at, resolution), learnt.port, learnt.protocol
        before = (*place, _UNKNOWN)
        connection.execute(_ADD_ACTIVITY, (*before, -1, 0))
        connection.execute(_ADD_ACTIVITY, (*place, learnt.program, 1, 0))
        connection.execute(
            "DELETE FROM activity WHERE resolution = ? AND bucket = ? AND port = ?"
            " AND protocol = ? AND program_id = ? AND opened = 0 AND closed = 0",
            before,
        )


def _pair(kind: Kind, count: int) -> tuple[int, int]:
    return (count, 0) if kind is Kind.OPENED else (0, count)
