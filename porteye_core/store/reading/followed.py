"""Events by id with their listeners, for a process that follows them; and its mark among them."""

import json
from collections.abc import Collection
from typing import NamedTuple

from porteye_core.model import Kind
from porteye_core.store import engine
from porteye_core.store.reading.listener import LIVES, Life, life_of

_EVENTS = "SELECT id, at, kind, listener_id FROM event WHERE id > ? ORDER BY id LIMIT ?"
_OWNERS = (
    "SELECT id, process_id, program_id, hidden, netns, interface, interface_kind, v6only"
    " FROM listener WHERE closed_at IS NULL"
)


class FollowedEvent(NamedTuple):
    """An event; life: the listener as it is known now, None if it closed."""

    id: int
    at: int
    kind: Kind
    listener_id: int
    life: Life | None


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
    rows = connection.execute(_EVENTS, (event_id, limit)).fetchall()
    # To join the tables for both events of each listener takes twice as long.
    opened = {number for _, _, kind, number in rows if kind == Kind.OPENED}
    known = {each.id: each for each in lives(connection, opened)}
    return [
        FollowedEvent(number, at, Kind(kind), listener, known[listener])
        if kind == Kind.OPENED
        else FollowedEvent(number, at, Kind(kind), listener, None)
        for number, at, kind, listener in rows
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
