"""States of the alerts process: its cursor, the identities and the listeners that are open.

They change in the transaction of the findings that follow, so that a process that is killed judges
the same events again and comes to the same rows.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last event that is judged, by its id and mark, in a file; mark: words of the event.

    clock: the alert clock when it was stored; elapsed, boot, at: the clocks of the machine then;
    reached: the alert clock until which events were judged. due, batched: when the next message is
    made and when the last one was. digested, digest_day: of the last
    digest, by the alert clock and by the local date.
    """

    event_id: int
    mark: str
    file: str
    clock: int
    elapsed: int
    boot: str
    at: int
    reached: int = 0
    due: int | None = None
    batched: int | None = None
    digested: int = 0
    digest_day: str = ""


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """The state of an identity; openings: JSON list of times."""

    key: str
    verdict: str
    opened: int | None
    closed: int | None
    due: int | None
    finding_id: int | None
    told: str
    openings: str
    is_flapping: int


_CURSOR = tuple(each.name for each in fields(Cursor))
_IDENTITY = tuple(each.name for each in fields(IdentityRow))


def _replace(table: str, names: tuple[str, ...]) -> str:
    marks = ", ".join(f":{name}" for name in names)
    return f"INSERT OR REPLACE INTO {table} ({', '.join(names)}) VALUES ({marks})"


_SET_CURSOR = _replace("cursor", ("one", *_CURSOR))
_SET_IDENTITY = _replace("identity", _IDENTITY)


def cursor(connection: sqlite3.Connection) -> Cursor | None:
    """The cursor, None before the first start."""
    row = connection.execute(f"SELECT {', '.join(_CURSOR)} FROM cursor").fetchone()
    return None if row is None else Cursor(*row)


def set_cursor(connection: sqlite3.Connection, value: Cursor) -> None:
    """Move the cursor."""
    connection.execute(_SET_CURSOR, {"one": 1, **asdict(value)})


def identities(connection: sqlite3.Connection) -> list[IdentityRow]:
    """Every identity of which something is known."""
    rows = connection.execute(f"SELECT {', '.join(_IDENTITY)} FROM identity")
    return [IdentityRow(*row) for row in rows]


def set_identities(
    connection: sqlite3.Connection, changed: Iterable[IdentityRow], gone: Iterable[str]
) -> None:
    """Store these states, and forget those of the keys that are gone."""
    connection.executemany(_SET_IDENTITY, (asdict(each) for each in changed))
    connection.executemany("DELETE FROM identity WHERE key = ?", ((key,) for key in gone))


def open_listeners(connection: sqlite3.Connection) -> list[tuple[int, str, int]]:
    """The listeners that are open as far as is judged: id, key, and when they opened."""
    rows = connection.execute("SELECT listener_id, key, opened FROM open_listener")
    return [(row[0], row[1], row[2]) for row in rows]


def set_open_listeners(
    connection: sqlite3.Connection, changed: Iterable[tuple[int, str, int]], gone: Iterable[int]
) -> None:
    """Store these listeners as open, and those of the ids that are gone as closed."""
    connection.executemany(
        "INSERT OR REPLACE INTO open_listener (listener_id, key, opened) VALUES (?, ?, ?)", changed
    )
    connection.executemany(
        "DELETE FROM open_listener WHERE listener_id = ?", ((each,) for each in gone)
    )
