"""Texts of the files that were last in force, which a wrong file does not replace."""

import sqlite3
from typing import NamedTuple


class KeptText(NamedTuple):
    """The last good text of a file; at: the time since when it was in force."""

    text: str
    at: int


def kept_text(connection: sqlite3.Connection, name: str) -> KeptText | None:
    """The last good text of a file, None if there is none."""
    row = connection.execute("SELECT text, at FROM kept_text WHERE name = ?", (name,)).fetchone()
    return None if row is None else KeptText(*row)


def keep_text(connection: sqlite3.Connection, name: str, text: str, now: int) -> None:
    """Keep the text of a file that is in force from now on."""
    connection.execute(
        "INSERT INTO kept_text (name, text, at) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE"
        " SET text = excluded.text, at = excluded.at WHERE text != excluded.text",
        (name, text, now),
    )


def forget_text(connection: sqlite3.Connection, name: str) -> None:
    """Forget the text of a file that is no longer in force."""
    connection.execute("DELETE FROM kept_text WHERE name = ?", (name,))
