"""A writer under churn that says what it has stored, once it is stored; and what must be there."""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterable

from porteye_core.model import Listener, Sample, Seen, Tick
from porteye_core.store.writer import Closing, Opening, Writer
from tests.kit.values import SECOND, endpoint, owned, process

_OPENED, _OPEN_AT_MOST = 4, 12
_BROKEN_LIVES = """
SELECT count(*) FROM listener l WHERE (closed_at IS NOT NULL) + 1 !=
    (SELECT count(*) FROM event e WHERE e.listener_id = l.id)
"""


def churn(writer: Writer, steps: Iterable[int], acknowledge: Callable[[str], None]) -> None:
    """Write a change and a tick at each of these seconds. When either is stored it is acknowledged
    by a line: its table, its time in microseconds, and how many rows of it there are."""
    alive: deque[Listener] = deque(writer.open_listeners().values())
    for step in steps:
        at = step * SECOND
        seen = [
            owned(endpoint(1 + (step + n) % 60_000), process(step, step)) for n in range(_OPENED)
        ]
        gone = [alive.popleft() for _ in range(len(alive) - _OPEN_AT_MOST)]
        alive += writer.record_changes(
            at,
            [Opening(each, at, Seen.POLL) for each in seen],
            [Closing(each, at, Seen.POLL) for each in gone],
        )
        acknowledge(f"event {at} {len(seen) + len(gone)}\n")
        tick = Tick(at, at, listeners=len(alive), clients=0, scan_us=900, hidden=0)
        writer.record_tick(tick, [Sample(each.id, step % 10_000, step, 1) for each in alive])
        acknowledge(f"tick {at} 1\n")


def damage(connection: sqlite3.Connection) -> str:
    """What is wrong with the database as a file, empty if nothing is."""
    try:
        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.DatabaseError as err:
        return str(err)
    return "" if found == "ok" else str(found)


def disagreement(connection: sqlite3.Connection) -> str:
    """What its rows say against each other, empty if nothing."""
    if orphans := connection.execute("PRAGMA foreign_key_check").fetchall():
        return f"{len(orphans)} rows refer to none"
    broken = connection.execute(_BROKEN_LIVES).fetchone()[0]
    return f"{broken} lives without their events" if broken else ""


def lost(connection: sqlite3.Connection, acknowledged: Iterable[str]) -> list[str]:
    """The lines of `churn` whose rows are not all there."""
    there = {
        f"{table} {at} {count}\n"
        for table in ("event", "tick")
        for at, count in connection.execute(f"SELECT at, count(*) FROM {table} GROUP BY at")
    }
    return [line for line in acknowledged if line not in there]
