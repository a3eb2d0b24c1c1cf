"""Numbers of events per bucket of time: in all (turnover), and by port and program (activity).

A change of either deletes the packs of its buckets (see pack_table).

A bucket's id is its first microsecond, `at - at % (resolution * 1e6)`. The caller opens the
transaction.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable

from porteye_core.model import Kind
from porteye_core.store.tables import pack_table
from porteye_core.store.tables.listener_table import Event, Learnt

TURNOVER = (60, 3600, 86400)  # resolutions in seconds, see docs/database.md
ACTIVITY = (3600, 86400)
_UNKNOWN = 0  # program_id of events whose owner is not known

_ADD_TURNOVER = """
INSERT INTO turnover VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    opened = opened + excluded.opened, closed = closed + excluded.closed
"""
_ADD_ACTIVITY = """
INSERT INTO activity VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    opened = opened + excluded.opened, closed = closed + excluded.closed
"""
_EMPTY_TURNOVER = """
DELETE FROM turnover WHERE resolution = ? AND bucket = ? AND opened = 0 AND closed = 0
"""
_EMPTY_ACTIVITY = """
DELETE FROM activity WHERE resolution = ? AND bucket = ? AND port = ? AND protocol = ?
    AND program_id = ? AND opened = 0 AND closed = 0
"""

_Turnover = defaultdict[tuple[int, int], Counter[str]]
_Activity = defaultdict[tuple[int, int, int, str, int], Counter[str]]
Counted = tuple[int, str, int, str, int | None]
"""Time, kind, port, protocol and program of an event."""


def bucket_of(at: int, resolution: int) -> int:
    """First microsecond of the bucket of a time; resolution: seconds."""
    return at - at % (resolution * 1_000_000)


def add(connection: sqlite3.Connection, events: Iterable[Event]) -> None:
    """Count the events of one transaction together: in a storm many are in one bucket."""
    counted = ((e.at, e.kind, e.port, e.protocol, e.program) for e in events)
    turnover, activity = _sums(counted)
    connection.executemany(_ADD_TURNOVER, _rows(turnover, 1))
    connection.executemany(_ADD_ACTIVITY, _rows(activity, 1))
    pack_table.forget(connection, turnover)


def take_back(connection: sqlite3.Connection, events: Iterable[Counted]) -> None:
    """Subtract events that are deleted."""
    turnover, activity = _sums(events)
    connection.executemany(_ADD_TURNOVER, _rows(turnover, -1))
    connection.executemany(_ADD_ACTIVITY, _rows(activity, -1))
    connection.executemany(_EMPTY_TURNOVER, list(turnover))
    connection.executemany(_EMPTY_ACTIVITY, list(activity))
    pack_table.forget(connection, turnover)


def _sums(events: Iterable[Counted]) -> tuple[_Turnover, _Activity]:
    turnover: _Turnover = defaultdict(Counter)
    activity: _Activity = defaultdict(Counter)
    for at, kind, port, protocol, program in events:
        for resolution in TURNOVER:
            turnover[resolution, bucket_of(at, resolution)][kind] += 1
        for resolution in ACTIVITY:
            bucket = bucket_of(at, resolution)
            activity[resolution, bucket, port, protocol, program or _UNKNOWN][kind] += 1
    return turnover, activity


def _rows(sums: _Turnover | _Activity, sign: int) -> list[tuple[int | str, ...]]:
    return [
        (*key, sign * count[Kind.OPENED], sign * count[Kind.CLOSED]) for key, count in sums.items()
    ]


def move(connection: sqlite3.Connection, learnt: Learnt) -> None:
    """Move the count of an opening from the unknown program to the one that is known now."""
    for resolution in ACTIVITY:
        key = resolution, bucket_of(learnt.opened_at, resolution), learnt.port, learnt.protocol
        unknown = (*key, _UNKNOWN)
        connection.execute(_ADD_ACTIVITY, (*unknown, -1, 0))
        connection.execute(_ADD_ACTIVITY, (*key, learnt.program, 1, 0))
        connection.execute(_EMPTY_ACTIVITY, unknown)
    buckets = [(each, bucket_of(learnt.opened_at, each)) for each in pack_table.RESOLUTIONS]
    pack_table.forget(connection, buckets)
