"""Events by id with their listeners, for a process that follows them; and its mark among them."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from porteye_core.model import Kind
from porteye_core.store import engine
from porteye_core.store.reading.listener import LIVES, Life, life_of
from porteye_core.store.reading.listener_rows import from_tables, select_columns

_EVENTS = (
    f"SELECT e.id AS event_id, e.at, e.kind, {select_columns()}"
    f" FROM {from_tables('event e JOIN listener l ON l.id = e.listener_id')}"
    " WHERE e.id > ? ORDER BY e.id LIMIT ?"
)
_OWNERS = (
    "SELECT id, process_id, program_id, hidden, netns, interface, interface_kind, v6only"
    " FROM listener WHERE closed_at IS NULL"
)


@dataclass(frozen=True, slots=True)
class FollowedEvent:
    """An event with its listener as it is known now."""

    id: int
    at: int
    kind: Kind
    life: Life


class Newest(NamedTuple):
    """The newest rows: two equal values have nothing to follow in between."""

    event: int
    process: int
    tick: int


def newest(connection: engine.Connection) -> Newest:
    """The ids of the newest rows, 0 where there is none."""
    row = connection.execute(
        "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'event'), 0),"
        " coalesce((SELECT max(id) FROM process), 0), coalesce((SELECT max(id) FROM tick), 0)"
    ).fetchone()
    return Newest(*row)


def following(connection: engine.Connection, event_id: int, limit: int) -> list[FollowedEvent]:
    """The events after the one of an id, the oldest first, at most `limit` of them."""
    rows = connection.execute(_EVENTS, (event_id, limit))
    return [
        FollowedEvent(row["event_id"], row["at"], Kind(row["kind"]), life_of(row)) for row in rows
    ]


def mark(connection: engine.Connection, event_id: int) -> str | None:
    """Words of an event, which that of another history does not have; None without it."""
    row = connection.execute(
        "SELECT at, kind, listener_id, port FROM event WHERE id = ?", (event_id,)
    ).fetchone()
    if row is None:
        return None
    return " ".join(map(str, row))  # hashlib would take 3 MiB


def lives(connection: engine.Connection, ids: Collection[int]) -> list[Life]:
    """The listeners of these ids."""
    rows = connection.execute(
        f"{LIVES} WHERE l.id IN (SELECT value FROM json_each(?))", (json.dumps(list(ids)),)
    )
    return [life_of(row) for row in rows]


def open_lives(connection: engine.Connection) -> list[Life]:
    """Every listener that is open, by id."""
    rows = connection.execute(f"{LIVES} WHERE l.closed_at IS NULL ORDER BY l.id")
    return [life_of(row) for row in rows]


def owners(connection: engine.Connection) -> dict[int, int]:
    """Of each open listener, by id, a number that changes with its owner or its reach."""
    return {row[0]: hash(tuple(row)) for row in connection.execute(_OWNERS)}
