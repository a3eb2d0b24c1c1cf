"""Texts of the files that were last in force, which a wrong file does not replace."""

import sqlite3


def kept_text(connection: sqlite3.Connection, name: str) -> str | None:
    """The last good text of a file."""
    row = connection.execute("SELECT text FROM kept_text WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def keep_text(connection: sqlite3.Connection, name: str, text: str, now: int) -> None:
    """Keep the text of a file that is in force from now on."""
    connection.execute(
        "INSERT INTO kept_text (name, text, at) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE"
        " SET text = excluded.text, at = excluded.at WHERE text != excluded.text",
        (name, text, now),
    )


def drop_text(connection: sqlite3.Connection, name: str) -> None:
    """Keep the text of a file no more."""
    connection.execute("DELETE FROM kept_text WHERE name = ?", (name,))
