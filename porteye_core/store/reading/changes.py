"""Changes between two moments: the differences, and what opened and closed in between."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.reading import json_records
from porteye_core.store.reading.brief_lives import brief_lives
from porteye_core.store.reading.compared_rows import compared_rows
from porteye_core.store.reading.coverage import Watches
from porteye_core.store.reading.differences import Found, differences, merged, ordered
from porteye_core.store.reading.listener_rows import NAMES

_DESCRIBED = (
    *("family", "interface", "v6only", "process", "title", "pid", "user", "unit", "container"),
    *("hidden", "cmdline", *NAMES),
)
_FIRST_EVENT = "SELECT at FROM event ORDER BY id LIMIT 1"


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes from `since` to `until`, as rows of differences.

    since: later than asked for where the events begin later. unwatched: microseconds in between in
    which nobody watched. is_cut: of what opened and closed in between only the newest is there.
    count: how many rows a file of it has; two listeners of one program that differ in the address
    alone share one of `rows`.
    """

    since: int
    until: int
    rows: Sequence[Found]
    count: int
    unwatched: int = 0
    is_cut: bool = False

    @property
    def records(self) -> list[dict[str, Any]]:
        """The records of the rows, with the fields CHANGE."""
        return [json_records.record(json_records.CHANGE, row) for row in self.described]

    @property
    def described(self) -> list[dict[str, Any]]:
        """The rows with the columns of their listeners, for the fields CHANGE."""
        return [
            {**_of_listener(row), **row, **_owner(row), "at": self.since, "versus": self.until}
            for row in self.rows
        ]


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
    before, after = (
        compared_rows(connection, filters, at, watches.at(at)) for at in (since, until)
    )
    brief = brief_lives(connection, filters, since, until)
    each = differences(before, after)
    unwatched = watches.coverage(since, until).unwatched
    return Changes(
        since,
        until,
        ordered([*merged(each), *brief.rows]),
        len(each) + len(brief.rows),
        unwatched,
        brief.is_cut,
    )


def _of_listener(row: Found) -> dict[str, Any]:
    """The columns of its listener; brief lives of several have none."""
    return {**dict.fromkeys(_DESCRIBED), **(row["listener"] or {})}


def _owner(row: Found) -> dict[str, Any]:
    of = row["listener"] or dict.fromkeys(("process", "title"), row["process"])
    return {name: of[name] for name in ("process", "title")}
