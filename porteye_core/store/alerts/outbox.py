"""The messages that wait for their receiver: what is due, what was sent, what is given up."""

import sqlite3
from collections.abc import Iterable

from porteye_core.store.alerts.messages import SELECT_MESSAGES, message_of
from porteye_core.store.alerts.rows import Message, Test

_WAITS = "sent_at IS NULL AND failed_at IS NULL"


def due_message(connection: sqlite3.Connection, receiver: str, now: int) -> Message | None:
    """The oldest message to a receiver that may be tried now."""
    row = connection.execute(
        f"{SELECT_MESSAGES} WHERE {_WAITS} AND receiver = ? AND coalesce(next_at, 0) <= ?"
        " ORDER BY created_at, id LIMIT 1",
        (receiver, now),
    ).fetchone()
    return None if row is None else message_of(row)


def earliest_tries(connection: sqlite3.Connection) -> dict[str, int]:
    """Time of the earliest try, of each receiver that messages wait for; 0: at once."""
    rows = connection.execute(
        f"SELECT receiver, min(coalesce(next_at, 0)) FROM message WHERE {_WAITS} GROUP BY receiver"
    )
    return {row[0]: row[1] for row in rows}


def mark_sent(connection: sqlite3.Connection, message_id: str, now: int, remark: str) -> None:
    """Keep that a receiver has taken a message; remark: what it said beside its yes."""
    connection.execute(
        "UPDATE message SET sent_at = ?, tries = tries + 1, next_at = NULL, error = ?,"
        " first_tried = coalesce(first_tried, ?) WHERE id = ?",
        (now, remark, now, message_id),
    )


def mark_tried(
    connection: sqlite3.Connection, message_id: str, now: int, next_at: int, error: str
) -> None:
    """Keep that a try has failed, and when the next one is."""
    connection.execute(
        "UPDATE message SET next_at = ?, tries = tries + 1, error = ?,"
        " first_tried = coalesce(first_tried, ?) WHERE id = ?",
        (next_at, error, now, message_id),
    )


def mark_failed(connection: sqlite3.Connection, message_id: str, now: int, error: str) -> None:
    """Give a message up."""
    connection.execute(
        "UPDATE message SET failed_at = ?, tries = tries + 1, next_at = NULL, error = ?,"
        " first_tried = coalesce(first_tried, ?) WHERE id = ?",
        (now, error, now, message_id),
    )


def hasten(connection: sqlite3.Connection, receiver: str, now: int) -> None:
    """Let every message to a receiver that answers again be tried at once."""
    connection.execute(
        f"UPDATE message SET next_at = ? WHERE {_WAITS} AND receiver = ? AND next_at > ?",
        (now, receiver, now),
    )


def abandon(
    connection: sqlite3.Connection, known: Iterable[str], before: int, now: int, error: str
) -> int:
    """Give up the messages of that time whose receiver is not known; returns their number."""
    names = tuple(known)
    marks = ", ".join("?" * len(names))
    return connection.execute(
        f"UPDATE message SET failed_at = ?, next_at = NULL, error = ? WHERE {_WAITS}"
        f" AND created_at < ? AND receiver NOT IN ({marks})",
        (now, error, before, *names),
    ).rowcount


def version(connection: sqlite3.Connection) -> int:
    """A number that differs after a change by another connection."""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def new_tests(connection: sqlite3.Connection) -> list[Test]:
    """The test messages that somebody asked for and nobody has made."""
    rows = connection.execute(
        "SELECT id, receiver, asked_at, author, message_id FROM test WHERE message_id IS NULL"
        " ORDER BY id"
    )
    return [Test(*row) for row in rows]


def answer_test(connection: sqlite3.Connection, test_id: int, message_id: str) -> None:
    """Keep the message that was made for a test."""
    connection.execute("UPDATE test SET message_id = ? WHERE id = ?", (message_id, test_id))
