"""The change before or after a moment: the nearest event that filters let through."""

from dataclasses import replace

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.reading import events
from porteye_core.store.reading.event_filter import EventFilter
from porteye_core.store.tables.event_ids import Ids

# Events beside the one that was found, which may be nearer: those of one scan are stored in another
# order than that of their times.
_BESIDE = 2_000


def previous_change(connection: engine.Connection, filters: Filters, at: int) -> int | None:
    """The time of the last event before a moment, None if there is none; the filters' times and
    limit do not count."""
    filters = replace(filters, since=None, until=at - 1, limit=1)
    for found in events.ids(connection, filters):
        return _time(connection, filters, "max", Ids(found - _BESIDE, found))
    return None


def next_change(connection: engine.Connection, filters: Filters, at: int) -> int | None:
    """The time of the first event after a moment, None if there is none."""
    filters = replace(filters, since=at + 1, until=None, limit=1)
    for found in events.ids(connection, filters, after=0):
        return _time(connection, filters, "min", Ids(found, found + _BESIDE))
    return None


def _time(connection: engine.Connection, filters: Filters, nearest: str, among: Ids) -> int:
    """The nearest time of the events with these ids that the filters let through."""
    where, parameters = EventFilter(connection, filters).condition
    row = connection.execute(
        f"SELECT {nearest}(+e.at) FROM event e WHERE e.id BETWEEN ? AND ? AND {where}",
        (*among, *parameters),
    ).fetchone()
    return int(row[0])
