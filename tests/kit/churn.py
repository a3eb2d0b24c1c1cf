"""A writer under churn that says what it has stored, once it is stored; and what must be there."""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterable

from porteye_core.model import Listener, Precision, Sample, Tick
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.values import SECOND, by_id, endpoint, owned, process

_OPENED, _OPEN_AT_MOST = 3, 6


def churn(writer: Writer, steps: Iterable[int], acknowledge: Callable[[str], None]) -> None:
    """Write a change and a tick at each of these seconds. When either is stored it is acknowledged
    by a line: its table, its time in microseconds, and how many rows of it there are."""
    alive: deque[Listener] = deque(writer.open_listeners(by_id).values())
    for step in steps:
        at = step * SECOND
        begun = process(step, step)
        seen = [owned(endpoint(1 + (step + n) % 60_000), begun) for n in range(_OPENED)]
        gone = [alive.popleft() for _ in range(len(alive) - _OPEN_AT_MOST)]
        alive += writer.record_changes(
            at,
            [Opening(each, at, Precision.POLL) for each in seen],
            [Closing(each, at, Precision.POLL) for each in gone],
        )
        acknowledge(f"event {at} {len(seen) + len(gone)}\n")
        tick = Tick(at, at, listeners=len(alive), clients=0, scan_us=900, hidden=0)
        writer.record_tick(tick, [Sample(each.id, step % 10_000, step, 1) for each in alive])
        acknowledge(f"tick {at} 1\n")


def lost(connection: sqlite3.Connection, acknowledged: Iterable[str]) -> list[str]:
    """The lines of `churn` whose rows are not all there."""
    there = {
        f"{table} {at} {count}\n"
        for table in ("event", "tick")
        for at, count in connection.execute(f"SELECT at, count(*) FROM {table} GROUP BY at")
    }
    return [line for line in acknowledged if line not in there]


def damage(connection: sqlite3.Connection) -> str:
    """What SQLite finds wrong with the database, empty if nothing."""
    try:
        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
        orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
    except sqlite3.DatabaseError as err:
        return str(err)
    if orphans:
        return f"{len(orphans)} rows refer to none"
    return "" if found == "ok" else str(found)


def contradictions(
    connection: sqlite3.Connection, *, every_one_sampled: bool = True
) -> list[tuple[object, ...]]:
    """Where lives, events and what is counted of them do not say the same. every_one_sampled: each
    tick had a sample of each listener, as that of `churn` has."""
    statements = [*_CONTRADICTIONS, *([_TICKS] if every_one_sampled else [])]
    found = [tuple(row) for each in statements for row in connection.execute(each)]
    return found[:5]


_LIVES = """
SELECT id, opened_at, closed_at FROM listener EXCEPT
SELECT listener_id, max(iif(kind = 'opened', at, NULL)), max(iif(kind = 'closed', at, NULL))
FROM event GROUP BY listener_id
"""
_COUNTS = """
SELECT resolution, sum(opened), sum(closed) FROM {} GROUP BY resolution
HAVING sum(opened) <> (SELECT count(*) FROM event WHERE kind = 'opened')
    OR sum(closed) <> (SELECT count(*) FROM event WHERE kind = 'closed')
"""
_TICKS = """
SELECT bucket, sum(beats) FROM rollup WHERE resolution = 300
    AND bucket = (SELECT max(bucket) FROM rollup WHERE resolution = 300) GROUP BY bucket
HAVING sum(beats) <> (SELECT sum(listeners) FROM tick WHERE at >= bucket)
"""
_CONTRADICTIONS = (_LIVES, _COUNTS.format("turnover"), _COUNTS.format("activity"))
