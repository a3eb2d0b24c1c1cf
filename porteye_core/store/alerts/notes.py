"""Notes, accepts and silences: what people say of identities and times."""

import sqlite3
from dataclasses import fields

from porteye_core.store.alerts.rows import Matcher, Note, Silence

_COLUMNS = tuple(each.name for each in fields(Note))


def notes(connection: sqlite3.Connection) -> list[Note]:
    """Every note, by key."""
    rows = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM note ORDER BY key")
    return [Note(*row) for row in rows]


def silences(connection: sqlite3.Connection, now: int) -> list[Silence]:
    """The silences that are not over, by their end."""
    rows = connection.execute(
        "SELECT id, matcher, since, until, comment, author, at FROM silence WHERE until > ?"
        " ORDER BY until, id",
        (now,),
    )
    return [Silence(row[0], Matcher.of(row[1]), *row[2:]) for row in rows]
