"""The exact number of events that filters let through, without reading millions of rows.

What the writer counts is added up; by what only listeners tell, each event is read.
"""

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.reading import packs
from porteye_core.store.reading.event_counts import (
    is_narrowed,
    parts_by_port,
    rows,
    sum_of,
    total,
)
from porteye_core.store.tables.event_counters import bucket_of

_DAY = 86400  # seconds


def event_total(connection: engine.Connection, filters: Filters) -> int:
    """The number of events that the filters let through, whatever `limit` says."""
    since, until = _range(connection, filters)
    if since > until:
        return 0
    kind = filters.kind
    if not is_narrowed(filters):
        return total(connection, since, until, kind)
    sums = [
        part.asking(sum_of(kind), "", summed=packs.total(kind))
        for part in parts_by_port(filters, since, until, [])
    ]
    return int(rows(connection, sums, 1).sum())


def _range(connection: engine.Connection, filters: Filters) -> tuple[int, int]:
    """The times to count from and to, within those of the events that there are."""
    first, last = connection.execute(
        "SELECT (SELECT min(at) FROM event), (SELECT max(at) FROM event)"
    ).fetchone()
    if first is None:
        return 1, 0
    first = bucket_of(first, _DAY)  # whole buckets are counted ahead
    since = first if filters.since is None else max(first, filters.since)
    until = last if filters.until is None else min(last, filters.until)
    return since, until
