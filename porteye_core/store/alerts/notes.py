"""Notes, accepts and silences: what people say of identities and times."""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from porteye_core.errors import StoreMissing
from porteye_core.store.alerts.file import open_to_read
from porteye_core.store.alerts.rows import Matcher, Note, Silence

_COLUMNS = tuple(each.name for each in fields(Note))
_EMPTY = "label = '' AND text = '' AND link = '' AND accepted_at IS NULL"


def notes(connection: sqlite3.Connection, host: str = "") -> list[Note]:
    """Every note of a host, by key."""
    statement = f"SELECT {', '.join(_COLUMNS)} FROM note WHERE host = ? ORDER BY key"
    return [Note(*row) for row in connection.execute(statement, (host,))]


def notes_of_all(connection: sqlite3.Connection) -> list[Note]:
    """Every note of all hosts, by host and key."""
    rows = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM note ORDER BY host, key")
    return [Note(*row) for row in rows]


def by_host(of: Iterable[Note]) -> dict[str, list[Note]]:
    """The notes of each host that has any, in their order."""
    found = dict[str, list[Note]]()
    for each in of:
        found.setdefault(each.host, []).append(each)
    return found


def read_notes(file: Path, host: str = "") -> list[Note]:
    """Every note of a host in a file, none where there is no file. Raises StoreError."""
    try:
        with open_to_read(file) as connection:
            return notes(connection, host)
    except StoreMissing:
        return []


def read_notes_of_all(file: Path) -> list[Note]:
    """Every note of all hosts in a file, none where there is no file. Raises StoreError."""
    try:
        with open_to_read(file) as connection:
            return notes_of_all(connection)
    except StoreMissing:
        return []


def note(connection: sqlite3.Connection, key: str, host: str = "") -> Note | None:
    """The note on an identity, None if there is none."""
    row = connection.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM note WHERE host = ? AND key = ?", (host, key)
    ).fetchone()
    return None if row is None else Note(*row)


def put_words(connection: sqlite3.Connection, of: Note) -> None:
    """Write label, text and link of an identity, with author and time; an accept stays, and so does
    who accepted."""
    words = {"label": of.label, "text": of.text, "link": of.link}
    by, at = (of.author, of.at) if any(words.values()) else ("", None)
    _put(connection, of, {**words, "words_by": by, "words_at": at})


def put_accept(connection: sqlite3.Connection, of: Note) -> None:
    """Accept an identity, or take that back, with author and time; its words stay, and so does who
    wrote them."""
    times = {"accepted_at": of.accepted_at, "accepted_until": of.accepted_until}
    by = "" if of.accepted_at is None else of.author
    _put(connection, of, {**times, "accepted_by": by})


def _put(connection: sqlite3.Connection, of: Note, said: Mapping[str, Any]) -> None:
    """Change these values alone: the others of the note may be old by now."""
    new = Note(of.key, host=of.host, author=of.author, at=of.at, **said)
    changed = ", ".join(f"{name} = excluded.{name}" for name in (*said, "author", "at"))
    connection.execute(
        f"INSERT INTO note ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
        f" ON CONFLICT (host, key) DO UPDATE SET {changed}",
        tuple(getattr(new, name) for name in _COLUMNS),
    )
    connection.execute(
        f"DELETE FROM note WHERE host = ? AND key = ? AND {_EMPTY}", (of.host, of.key)
    )


def add_silence(connection: sqlite3.Connection, silence: Silence) -> int:
    """Store a silence, whose id does not count; returns its id."""
    found = connection.execute(
        "INSERT INTO silence (matcher, since, until, comment, author, at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (
            *(str(silence.matcher), silence.since, silence.until),
            *(silence.comment, silence.author, silence.at),
        ),
    ).lastrowid
    assert found is not None
    return found


def end_silence(connection: sqlite3.Connection, silence_id: int, now: int) -> None:
    """End a silence now; it stays stored as one that is over."""
    connection.execute(
        "UPDATE silence SET until = ? WHERE id = ? AND until > ?", (now, silence_id, now)
    )


def silences(connection: sqlite3.Connection, now: int) -> list[Silence]:
    """The silences that are not over, by their end."""
    rows = connection.execute(
        "SELECT id, matcher, since, until, comment, author, at FROM silence WHERE until > ?"
        " ORDER BY until, id",
        (now,),
    )
    return [Silence(row[0], Matcher.of(row[1]), *row[2:]) for row in rows]
