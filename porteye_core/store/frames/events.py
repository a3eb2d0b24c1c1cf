"""What opened and closed, as a frame."""

import sqlite3

import pandas as pd

from porteye_core.model import Filters
from porteye_core.store import queries
from porteye_core.store.frames.columns import (
    command_lines,
    frame_of,
    number,
    owners,
    services,
    times,
)
from porteye_core.store.queries import Question

_MINUTE, _DAY = 60 * 1_000_000, 86_400 * 1_000_000
_FIRST, _LAST = -(1 << 62), 1 << 62  # no time is before or after these


def history(
    connection: sqlite3.Connection, filters: Filters, before: int | None = None
) -> pd.DataFrame:
    """The newest events that the filters let through, at most `limit` of them; `before` is the id
    of an event: only older ones."""
    frame = frame_of(connection, queries.history(filters, before=before))
    frame["at"] = times(frame["at"])
    frame["pid"] = frame["pid"].astype("Int64")
    frame["service"] = services(frame)
    frame["cmdline"] = command_lines(frame)
    frame["process"] = owners(frame)
    return frame


def event_count(connection: sqlite3.Connection, filters: Filters) -> int:
    """How many events the filters let through, whatever `limit` says."""
    if filters.ports or filters.process or filters.protocol:
        return number(connection, queries.event_count(filters))
    return _between(connection, filters.since, filters.until)


def _between(connection: sqlite3.Connection, since: int | None, until: int | None) -> int:
    """The events of a range: whole days and whole minutes are counted already."""
    end = _LAST if until is None else until + 1
    return _before(connection, end) - (0 if since is None else _before(connection, since))


def _before(connection: sqlite3.Connection, moment: int) -> int:
    day = moment - moment % _DAY
    minute = moment - moment % _MINUTE
    raw = Question("SELECT count(*) FROM event WHERE at >= ? AND at < ?", (minute, moment))
    return (
        number(connection, _counted(86_400, None, day))
        + number(connection, _counted(60, day, minute))
        + number(connection, raw)
    )


def _counted(resolution: int, first: int | None, end: int | None) -> Question:
    """The events in the buckets from one to before another."""
    return Question(
        "SELECT coalesce(sum(opened + closed), 0) FROM turnover WHERE resolution = ?"
        " AND bucket >= ? AND bucket < ?",
        (resolution, _FIRST if first is None else first, _LAST if end is None else end),
    )
