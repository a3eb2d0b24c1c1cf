"""The ids of the events of a range of time: ids grow with time, apart from late records and clocks.

A scan writes what the kernel told a moment before, and a clock that is set back writes later events
with earlier times. How far times ever went back is known from ticks and watches.
"""

from typing import NamedTuple

from porteye_core.store import engine

# Of events that were written before an earlier one: notices that came late, a write tried again.
LATE_US = 5 * 60 * 1_000_000

_SET_BACK = """
SELECT coalesce((SELECT sum(-jump) FROM tick WHERE (gap > 0 OR jump != 0) AND jump < 0), 0)
    + coalesce((SELECT sum(before - started_at) FROM (
        SELECT started_at, lag(seen_at) OVER (ORDER BY id) AS before FROM watch) AS successive
        WHERE before > started_at), 0)
"""
_LOWEST = """
SELECT min(id) FROM event WHERE at >= :at
    AND at <= (SELECT min(at) FROM event WHERE at >= :at) + :slack
"""
_HIGHEST = """
SELECT max(id) FROM event WHERE at <= :at
    AND at >= (SELECT max(at) FROM event WHERE at <= :at) - :slack
"""


def set_back(connection: engine.Connection) -> int:
    """By how many microseconds the clock was ever set back, in all."""
    return int(connection.execute(_SET_BACK).fetchone()[0])


class Ids(NamedTuple):
    """Ids from `low` to `high`, both included; none if `low` is the greater."""

    low: int
    high: int


class EventIds:
    """The ids of the events of one moment of the database, by their times."""

    def __init__(self, connection: engine.Connection) -> None:
        self._connection = connection
        self._slack = LATE_US + set_back(connection)
        lowest, highest = connection.execute(
            "SELECT (SELECT min(id) FROM event), (SELECT max(id) FROM event)"
        ).fetchone()
        self._all = Ids(lowest or 1, highest or 0)

    def between(self, since: int | None, until: int | None, before: int | None = None) -> Ids:
        """Ids between which all events of these times lie, and maybe a few of others; `before`
        bounds the ids themselves."""
        low, high = self._all
        if since is not None:
            low = self._seek(_LOWEST, since, high + 1)
        if until is not None:
            high = self._seek(_HIGHEST, until, low - 1)
        return Ids(low, high if before is None else min(high, before - 1))

    def times(self, ids: Ids) -> tuple[int, int]:
        """Times between which all events of these ids lie, and maybe a few of others; the second
        is the earlier if there are none."""
        first = self._at("id >= ? ORDER BY id", ids.low)
        last = self._at("id <= ? ORDER BY id DESC", ids.high)
        if ids.low > ids.high or first is None or last is None:
            return 1, 0
        return first - self._slack, last + self._slack

    def _at(self, where: str, number: int) -> int | None:
        row = self._connection.execute(
            f"SELECT at FROM event WHERE {where} LIMIT 1", (number,)
        ).fetchone()
        return None if row is None else int(row[0])

    def _seek(self, statement: str, at: int, otherwise: int) -> int:
        bounds = {"at": at, "slack": self._slack}
        found = self._connection.execute(statement, bounds).fetchone()[0]
        return otherwise if found is None else int(found)
