"""Findings: kept when they begin, ended when they are true no more, never judged twice."""

import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from porteye_core.store.alerts.rows import Finding

_COLUMNS = tuple(each.name for each in fields(Finding))
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM finding"
_WITHOUT_ID = _COLUMNS[1:]
_INSERT = (
    f"INSERT INTO finding ({', '.join(_WITHOUT_ID)})"
    f" VALUES ({', '.join(f':{name}' for name in _WITHOUT_ID)})"
)


def finding_of(row: sqlite3.Row) -> Finding:
    """The finding of a row with all columns."""
    return Finding(*(row[name] for name in _COLUMNS))


def add_finding(connection: sqlite3.Connection, finding: Finding) -> int:
    """Store a finding, whose id does not count; returns its id."""
    found = connection.execute(_INSERT, asdict(finding)).lastrowid
    assert found is not None
    return found


def change_finding(connection: sqlite3.Connection, finding_id: int, **values: Any) -> None:
    """Set columns of a finding."""
    names = ", ".join(f"{name} = :{name}" for name in values)
    connection.execute(f"UPDATE finding SET {names} WHERE id = :id", {**values, "id": finding_id})


def count_more(connection: sqlite3.Connection, finding_id: int, count: int) -> None:
    """Add to the number of times that a finding was there."""
    connection.execute(
        "UPDATE finding SET brief_count = brief_count + ? WHERE id = ?", (count, finding_id)
    )


def finding(connection: sqlite3.Connection, finding_id: int) -> Finding | None:
    """The finding of an id."""
    row = connection.execute(f"{_SELECT} WHERE id = ?", (finding_id,)).fetchone()
    return None if row is None else finding_of(row)


def open_findings(connection: sqlite3.Connection) -> list[Finding]:
    """The findings that are true now, the oldest first."""
    rows = connection.execute(f"{_SELECT} WHERE ended_at IS NULL ORDER BY id")
    return [finding_of(row) for row in rows]


def newest_findings(
    connection: sqlite3.Connection, limit: int, before: int | None = None
) -> list[Finding]:
    """The newest findings, newest first; before: of those before this id."""
    rows = connection.execute(
        f"{_SELECT} WHERE ? IS NULL OR id < ? ORDER BY id DESC LIMIT ?", (before, before, limit)
    )
    return [finding_of(row) for row in rows]


def findings_between(
    connection: sqlite3.Connection, since: int, until: int, limit: int, host: str | None = None
) -> list[Finding]:
    """The newest findings that were true at some time of a range, newest first; host: of a fleet,
    None for the single machine."""
    rows = connection.execute(
        f"{_SELECT} WHERE at <= ? AND (ended_at IS NULL OR ended_at >= ?)"
        " AND (? IS NULL OR host = ?) ORDER BY id DESC LIMIT ?",
        (until, since, host, host, limit),
    )
    return [finding_of(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Findings that are asked for: true at some time of a range, with one of these verdicts.

    verdicts: empty for all. is_open: still true or over, None for both. host: of a fleet, empty for
    all of them.
    """

    since: int | None = None
    until: int | None = None
    verdicts: tuple[str, ...] = ()
    is_open: bool | None = None
    host: str = ""


def wanted_findings(
    connection: sqlite3.Connection, wanted: Wanted, limit: int, before: int | None = None
) -> list[Finding]:
    """The newest of these, newest first; before: of those before this id."""
    conditions, values = ["TRUE"], list[Any]()
    bounds = (
        ("id < ?", before),
        ("(ended_at IS NULL OR ended_at >= ?)", wanted.since),
        ("at <= ?", wanted.until),
    )
    for condition, bound in bounds:
        if bound is not None:
            conditions.append(condition)
            values.append(bound)
    if wanted.verdicts:
        conditions.append(f"verdict IN ({', '.join('?' * len(wanted.verdicts))})")
        values += wanted.verdicts
    if wanted.host:
        conditions.append("host = ?")
        values.append(wanted.host)
    if wanted.is_open is not None:
        # What was brief is over; its row counts on until the daily digest tells it.
        is_open = "(ended_at IS NULL AND kind != 'brief')"
        conditions.append(is_open if wanted.is_open else f"NOT {is_open}")
    rows = connection.execute(
        f"{_SELECT} WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT ?", (*values, limit)
    )
    return [finding_of(row) for row in rows]


def untold_ends(connection: sqlite3.Connection) -> list[Finding]:
    """The findings that ended after they were told, whose end is not told yet."""
    rows = connection.execute(
        f"{_SELECT} WHERE ended_at IS NOT NULL AND told_at IS NOT NULL AND end_told_at IS NULL"
        " ORDER BY id"
    )
    return [finding_of(row) for row in rows]


def late_findings(connection: sqlite3.Connection) -> list[Finding]:
    """The findings that ended before they could be told, because their host shipped late."""
    rows = connection.execute(
        f"{_SELECT} WHERE ended_at IS NOT NULL AND told_at IS NULL AND end_told_at IS NULL"
        " ORDER BY id"
    )
    return [finding_of(row) for row in rows]


def findings_on(
    connection: sqlite3.Connection, listeners: Sequence[int], host: str | None = None
) -> list[Finding]:
    """The findings on these listeners, the oldest first; host: of a fleet, None for the single
    machine."""
    marks = ", ".join("?" * len(listeners))
    rows = connection.execute(
        f"{_SELECT} WHERE listener_id IN ({marks}) AND (? IS NULL OR host = ?) ORDER BY id",
        (*listeners, host, host),
    )
    return [finding_of(row) for row in rows]


def open_counts(connection: sqlite3.Connection) -> dict[str, int]:
    """The number of findings of each host that are true now, but for what was brief."""
    rows = connection.execute(
        "SELECT host, count(*) FROM finding WHERE ended_at IS NULL AND kind != 'brief'"
        " GROUP BY host"
    )
    return {row[0]: row[1] for row in rows}
