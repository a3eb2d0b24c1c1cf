"""Messages to receivers: made in the transaction of what they tell, one row for each receiver."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields

from porteye_core.store.alerts.rows import Message, Receiver

_COLUMNS = tuple(each.name for each in fields(Message))
SELECT_MESSAGES = f"SELECT {', '.join(_COLUMNS)} FROM message"


def message_of(row: sqlite3.Row) -> Message:
    """The message of a row with all columns."""
    return Message(*(row[name] for name in _COLUMNS))


def add_message(
    connection: sqlite3.Connection, message: Message, findings: Iterable[tuple[int, str]]
) -> None:
    """Store a message with the ids of its findings and their phases: begin, end or digest."""
    values = ", ".join(f":{name}" for name in _COLUMNS)
    connection.execute(
        f"INSERT INTO message ({', '.join(_COLUMNS)}) VALUES ({values})", asdict(message)
    )
    connection.executemany(
        "INSERT INTO message_finding (message_id, finding_id, receiver, phase) VALUES (?, ?, ?, ?)",
        ((message.id, finding_id, message.receiver, phase) for finding_id, phase in findings),
    )


def set_receivers(connection: sqlite3.Connection, receivers: Sequence[Receiver]) -> None:
    """Replace what may be shown of the receivers; one that stays keeps its time."""
    since = dict(connection.execute("SELECT name, since FROM receiver").fetchall())
    connection.execute("DELETE FROM receiver")
    connection.executemany(
        "INSERT INTO receiver (name, kind, shown, least, since) VALUES (?, ?, ?, ?, ?)",
        (
            (each.name, each.kind, each.shown, each.least, since.get(each.name, each.since))
            for each in receivers
        ),
    )


def receivers(connection: sqlite3.Connection) -> list[Receiver]:
    """The receivers of the file that is in force, by name."""
    rows = connection.execute("SELECT name, kind, shown, least, since FROM receiver ORDER BY name")
    return [Receiver(*row) for row in rows]
