"""Actions that were taken from the page: who stopped which process, when, and what became of it."""

import sqlite3
from dataclasses import astuple, dataclass, fields


@dataclass(frozen=True, slots=True)
class TakenAction:
    """An action of a person on a listener; outcome: empty until it is known.

    what: in words. started_at: of the process. unit, signal: the way, one of them.
    """

    id: int
    at: int
    author: str
    what: str
    listener_id: int
    pid: int
    started_at: int
    unit: str
    signal: str
    outcome: str = ""


_COLUMNS = tuple(each.name for each in fields(TakenAction))
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM action"


def add_action(connection: sqlite3.Connection, action: TakenAction) -> int:
    """Store an action before it is taken; its id does not count. Returns its id."""
    names, values = _COLUMNS[1:], astuple(action)[1:]
    found = connection.execute(
        f"INSERT INTO action ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", values
    ).lastrowid
    assert found is not None
    return found


def complete_action(connection: sqlite3.Connection, action_id: int, outcome: str) -> None:
    """Store what became of an action."""
    connection.execute("UPDATE action SET outcome = ? WHERE id = ?", (outcome, action_id))


def newest_actions(connection: sqlite3.Connection, limit: int) -> list[TakenAction]:
    """The newest actions, newest first."""
    rows = connection.execute(f"{_SELECT} ORDER BY id DESC LIMIT ?", (limit,))
    return [TakenAction(*row) for row in rows]


def actions_of(connection: sqlite3.Connection, listener_id: int, limit: int) -> list[TakenAction]:
    """The newest actions on a listener, newest first."""
    rows = connection.execute(
        f"{_SELECT} WHERE listener_id = ? ORDER BY id DESC LIMIT ?", (listener_id, limit)
    )
    return [TakenAction(*row) for row in rows]
