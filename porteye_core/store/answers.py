"""Who holds a port, a pid or a name now, and who did last."""

import sqlite3
from collections.abc import Sequence

from porteye_core.store.queries import process_condition
from porteye_core.store.story import LIFE_COLUMNS, Life, life_of

# More programs than that match a word that says nothing; the newest of them are asked.
_MOST_PROGRAMS = 200


def on_port(connection: sqlite3.Connection, port: int, limit: int) -> list[Life]:
    """What is open on a port, else its last life."""
    found = _open(connection, "l.port = ?", (port,), limit)
    return found or _last(connection, "SELECT max(id) FROM event WHERE port = ?", [(port,)], 1)


def of_pid(connection: sqlite3.Connection, pid: int, limit: int) -> list[Life]:
    """What processes of this pid hold open, else the last that one of them did."""
    processes = (
        "(SELECT id FROM process WHERE host_id IN (SELECT id FROM host) AND pid = ?)"  # the index
    )
    held = f"l.id IN (SELECT listener_id FROM holder WHERE process_id IN {processes})"
    found = _open(connection, f"(l.process_id IN {processes} OR {held})", (pid, pid), limit)
    if found:
        return found
    return _last(
        connection,
        "SELECT max(e.id) FROM event e JOIN listener l ON l.id = e.listener_id"
        f" WHERE e.program_id IN (SELECT program_id FROM process WHERE id IN {processes})"
        f" AND l.process_id IN {processes}",
        [(pid, pid)],
        1,
    )


def of_name(connection: sqlite3.Connection, name: str, limit: int) -> list[Life]:
    """What programs with this in their name or command line hold open, else what they did last."""
    matches = process_condition(name, "g")
    found = _open(connection, matches.sql, matches.parameters, limit)
    if found:
        return found
    programs = connection.execute(
        f"SELECT g.id FROM program g WHERE {matches.sql} ORDER BY g.id DESC LIMIT ?",
        (*matches.parameters, _MOST_PROGRAMS),
    ).fetchall()
    newest = "SELECT max(id) FROM event WHERE program_id = ?"
    return _last(connection, newest, [tuple(row) for row in programs], limit)


def _open(
    connection: sqlite3.Connection, condition: str, values: tuple[object, ...], limit: int
) -> list[Life]:
    rows = connection.execute(
        f"{LIFE_COLUMNS} WHERE l.closed_at IS NULL AND {condition} ORDER BY l.port, l.id LIMIT ?",
        (*values, limit),
    )
    return [life_of(row) for row in rows]


def _last(
    connection: sqlite3.Connection, newest: str, values: Sequence[tuple[object, ...]], limit: int
) -> list[Life]:
    """The lives of the newest events that a question finds for each of these values."""
    events = [connection.execute(newest, each).fetchone()[0] for each in values]
    latest = sorted((event for event in events if event is not None), reverse=True)[:limit]
    return [
        life_of(
            connection.execute(
                f"{LIFE_COLUMNS} WHERE l.id = (SELECT listener_id FROM event WHERE id = ?)",
                (event,),
            ).fetchone()
        )
        for event in latest
    ]
