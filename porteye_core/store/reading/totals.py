"""Numbers of all that was ever recorded, which retention does not move back."""

from porteye_core.model import Kind
from porteye_core.store import engine


def events_ever(connection: engine.Connection) -> dict[Kind, int]:
    """The numbers of events of each kind that were ever stored.

    Each event takes the next id, an opening leaves one listener more open, and a closing one less:
    the last id is the sum of both numbers, and the count of open listeners is their difference.
    """
    last, still_open = connection.execute(
        "SELECT coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'event'), 0),"
        " (SELECT count(*) FROM listener WHERE closed_at IS NULL)"
    ).fetchone()
    return {Kind.OPENED: (last + still_open) // 2, Kind.CLOSED: (last - still_open) // 2}


def unwatched(connection: engine.Connection, now: int, *, watching: bool) -> int | None:
    """The microseconds in which nobody watched, from the first watch on, None if there never was
    any; watching: the latest one goes on."""
    row = connection.execute(
        "SELECT unwatched, coalesce(stopped_at, seen_at) FROM watch ORDER BY id DESC LIMIT 1"
    ).fetchone()
    if row is None:
        return None
    before, end = row
    return int(before) if watching else int(before) + max(0, now - end)


def database_size(connection: engine.Connection) -> int | None:
    """The bytes of the database with its WAL at the latest sampling tick, None before the first."""
    row = connection.execute(
        "SELECT size FROM tick WHERE size IS NOT NULL ORDER BY id DESC LIMIT 1"
    ).fetchone()
    return None if row is None else int(row[0])
