"""Overview for people: messages with the numbers of their findings, tests, and who judges."""

import sqlite3
from pathlib import Path
from typing import NamedTuple

from porteye_core.errors import StoreError, StoreMissing
from porteye_core.store.alerts.file import open_to_read
from porteye_core.store.alerts.messages import SELECT_MESSAGES, message_of
from porteye_core.store.alerts.rows import Message, Test
from porteye_core.store.file import lock

JUDGING, STOPPED, UNKNOWN = "judging", "stopped", "unknown"


class Told(NamedTuple):
    """A message, and the number of its findings."""

    message: Message
    findings: int


class Tried(NamedTuple):
    """A test that was asked for, and its message, None until it is made."""

    test: Test
    message: Message | None


class AlertsHealth(NamedTuple):
    """State of the alerts process, with the fields of the API's health.

    alerts: judging, stopped or unknown; None without an alerts database. alerts_waiting,
    alerts_failed: messages that wait and that were given up; None if they cannot be read.
    """

    alerts: str | None
    alerts_waiting: int | None = None
    alerts_failed: int | None = None


def alerts_health(file: Path) -> AlertsHealth:
    """The state of the alerts process, as far as this user may know it."""
    try:
        state = STOPPED if judging_since(file) is None else JUDGING
    except StoreError:
        state = UNKNOWN
    try:
        with open_to_read(file) as connection:
            return AlertsHealth(state, *_undelivered(connection))
    except StoreMissing:
        return AlertsHealth(None if state == STOPPED else state)
    except StoreError:
        return AlertsHealth(state)


def judging_since(file: Path) -> int | None:
    """The time from which an alerts process judges, None if none runs; 0: it has not said.

    Raises StoreError if this user may not know.
    """
    try:
        holder = lock.known_holder(file)
    except OSError as err:
        raise StoreError(
            "It is not known whether an alerts process runs: the lock"
            f" {lock.path_of(file)} cannot be read: {err.strerror}.",
            "Ask as the user of the alerts process.",
        ) from err
    return None if holder is None else holder.since


def newest_messages(connection: sqlite3.Connection, limit: int) -> list[Told]:
    """The newest messages but for tests, newest first."""
    rows = connection.execute(
        f"{SELECT_MESSAGES} WHERE kind != 'test' ORDER BY created_at DESC, id LIMIT ?", (limit,)
    )
    return [Told(found, _findings(connection, found)) for found in map(message_of, rows)]


def undelivered_messages(connection: sqlite3.Connection, limit: int) -> list[Told]:
    """The newest messages that were tried and not taken, newest first."""
    rows = connection.execute(
        f"{SELECT_MESSAGES} WHERE sent_at IS NULL AND (failed_at IS NOT NULL OR tries > 0)"
        " ORDER BY created_at DESC, id LIMIT ?",
        (limit,),
    )
    return [Told(found, _findings(connection, found)) for found in map(message_of, rows)]


def ask_test(connection: sqlite3.Connection, receiver: str, author: str, now: int) -> int:
    """Ask for a test message to a receiver; returns the number of the test."""
    found = connection.execute(
        "INSERT INTO test (receiver, asked_at, author) VALUES (?, ?, ?)", (receiver, now, author)
    ).lastrowid
    assert found is not None
    return found


def latest_tests(connection: sqlite3.Connection) -> dict[str, Tried]:
    """The latest test of each receiver, by its name."""
    rows = connection.execute(
        "SELECT id, receiver, asked_at, author, message_id FROM test"
        " WHERE id IN (SELECT max(id) FROM test GROUP BY receiver)"
    )
    tests = [Test(*row) for row in rows]
    return {each.receiver: Tried(each, _message(connection, each.message_id)) for each in tests}


def _undelivered(connection: sqlite3.Connection) -> tuple[int, int]:
    """The numbers of messages that wait and that were given up."""
    waiting, failed = connection.execute(
        "SELECT count(*) FILTER (WHERE failed_at IS NULL), count(failed_at) FROM message"
        " WHERE sent_at IS NULL"
    ).fetchone()
    return int(waiting), int(failed)


def _message(connection: sqlite3.Connection, message_id: str | None) -> Message | None:
    row = connection.execute(f"{SELECT_MESSAGES} WHERE id = ?", (message_id,)).fetchone()
    return None if row is None else message_of(row)


def _findings(connection: sqlite3.Connection, message: Message) -> int:
    (found,) = connection.execute(
        "SELECT count(DISTINCT finding_id) FROM message_finding WHERE message_id = ?",
        (message.id,),
    ).fetchone()
    return int(found)
