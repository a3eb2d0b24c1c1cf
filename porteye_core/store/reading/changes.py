"""Changes between two moments: the differences, and what opened and closed in between."""

from dataclasses import dataclass, replace

import pandas as pd

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.reading.brief_lives import brief_lives
from porteye_core.store.reading.coverage import Watches
from porteye_core.store.reading.differences import differences, merged, ordered
from porteye_core.store.reading.open_frames import open_at

_FIRST_EVENT = "SELECT at FROM event ORDER BY id LIMIT 1"


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes from `since` to `until`, with the columns of differences.COLUMNS.

    since: later than asked for where the events begin later. unwatched: microseconds in between in
    which nobody watched. is_cut: of what opened and closed in between only the newest is there.
    count: how many rows a file of it has; two listeners of one program that differ in the address
    alone share a row of `frame`.
    """

    since: int
    until: int
    frame: pd.DataFrame
    count: int
    unwatched: int = 0
    is_cut: bool = False


def changes(
    connection: engine.Connection, watches: Watches, filters: Filters, since: int, until: int
) -> Changes | None:
    """Ask for the changes from one moment to a later one, None if no event is so old.

    What the first scan found did not open then: nothing is compared with the time before it.
    """
    first = connection.execute(_FIRST_EVENT).fetchone()
    if first is None or first[0] > until:
        return None
    since = max(since, first[0])
    filters = replace(filters, since=None, until=None)
    before, after = (open_at(connection, filters, at, watches.at(at)) for at in (since, until))
    brief = brief_lives(connection, filters, since, until)
    each = differences(before, after)
    found = merged(each)
    if not brief.frame.empty:
        found = pd.concat([found.astype({"port": "Int64"}), brief.frame], ignore_index=True)
    unwatched = watches.coverage(since, until).unwatched
    count = len(each) + len(brief.frame)
    return Changes(since, until, ordered(found), count, unwatched, brief.is_cut)
