"""States of the alerts process: its cursor, the identities and the listeners that are open.

They change in the transaction of the findings that follow, so that a process that is killed judges
the same events again and comes to the same rows.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from porteye_core.errors import StoreError


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last event that is judged, by its id and mark, in a file; mark: words of the event.

    clock: the alert clock when it was stored; elapsed, boot, at: the clocks of the machine then;
    reached: the alert clock until which events were judged. due, batched: when the next message is
    made and when the last one was. digested, digest_day: of the last
    digest, by the alert clock and by the local date. host: of a fleet, empty for the fleet itself
    and for a single machine.
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
    host: str = ""


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
    host: str = ""


_CURSOR = tuple(each.name for each in fields(Cursor))
_IDENTITY = tuple(each.name for each in fields(IdentityRow))


def _replace(table: str, names: tuple[str, ...]) -> str:
    marks = ", ".join(f":{name}" for name in names)
    return f"INSERT OR REPLACE INTO {table} ({', '.join(names)}) VALUES ({marks})"


_SET_CURSOR = _replace("cursor", _CURSOR)
_SET_IDENTITY = _replace("identity", _IDENTITY)


def cursor(connection: sqlite3.Connection, host: str = "") -> Cursor | None:
    """The cursor of a host, None before the first start."""
    row = connection.execute(
        f"SELECT {', '.join(_CURSOR)} FROM cursor WHERE host = ?", (host,)
    ).fetchone()
    return None if row is None else Cursor(*row)


def set_cursor(connection: sqlite3.Connection, value: Cursor) -> None:
    """Move the cursor of its host."""
    connection.execute(_SET_CURSOR, asdict(value))


def followed_hosts(connection: sqlite3.Connection) -> list[str]:
    """The names of the hosts that have a cursor."""
    return [row[0] for row in connection.execute("SELECT host FROM cursor ORDER BY host")]


def check_kind(connection: sqlite3.Connection, file: Path, *, of_fleet: bool) -> None:
    """Raise StoreError if it judged a fleet, and is to judge a single machine, or the reverse."""
    own = cursor(connection)
    judged_a_machine = own is not None and own.file != ""
    judged_a_fleet = any(followed_hosts(connection))
    if judged_a_machine if of_fleet else judged_a_fleet:
        was = "single machine" if of_fleet else "fleet"
        raise StoreError(
            f"{file} is the alerts database of a {was}.", "Name another one with --alerts-db."
        )


def forget_host(connection: sqlite3.Connection, host: str) -> None:
    """Forget cursor, identities and listeners of a host; its findings and notes stay."""
    for table in ("cursor", "identity", "open_listener"):
        connection.execute(f"DELETE FROM {table} WHERE host = ?", (host,))


def identities(connection: sqlite3.Connection, host: str = "") -> list[IdentityRow]:
    """Every identity of a host of which something is known."""
    rows = connection.execute(
        f"SELECT {', '.join(_IDENTITY)} FROM identity WHERE host = ?", (host,)
    )
    return [IdentityRow(*row) for row in rows]


def set_identities(
    connection: sqlite3.Connection,
    changed: Iterable[IdentityRow],
    gone: Iterable[str],
    host: str = "",
) -> None:
    """Store these states, and forget those of the keys of a host that are gone."""
    connection.executemany(_SET_IDENTITY, (asdict(each) for each in changed))
    connection.executemany(
        "DELETE FROM identity WHERE host = ? AND key = ?", ((host, key) for key in gone)
    )


def open_listeners(connection: sqlite3.Connection, host: str = "") -> list[tuple[int, str, int]]:
    """The listeners of a host that are open as far as is judged: id, key, and when they opened."""
    rows = connection.execute(
        "SELECT listener_id, key, opened FROM open_listener WHERE host = ?", (host,)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def set_open_listeners(
    connection: sqlite3.Connection,
    changed: Iterable[tuple[int, str, int]],
    gone: Iterable[int],
    host: str = "",
) -> None:
    """Store these listeners of a host as open, and those of the ids that are gone as closed."""
    connection.executemany(
        "INSERT OR REPLACE INTO open_listener (listener_id, key, opened, host) VALUES (?, ?, ?, ?)",
        ((*each, host) for each in changed),
    )
    connection.executemany(
        "DELETE FROM open_listener WHERE host = ? AND listener_id = ?",
        ((host, each) for each in gone),
    )
