"""The listeners that are open now, or were open at a moment, as rows."""

import json
from collections.abc import Sequence
from typing import Any

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.reading.coverage import MomentCoverage
from porteye_core.store.reading.listener_rows import (
    FOUND_BY,
    FRESH_US,
    Question,
    from_tables,
    matching,
    open_between,
    select_columns,
)
from porteye_core.store.reading.published import Published, published

_EXACT = ""
MEASURED = ["cpu", "rss", "clients", "queue", "backlog"]
# Columns that nobody shows: a frame pays for each.
_NOT_NOW = ("inode", "closed_seen", "holders_gone", "program_id")
_NOT_THEN = (
    *("family", "netns", "inode", "holders_gone", "socket_user", "memory", "started_at"),
    *("image", "compose_project", "compose_service", "pod_namespace", "published", "addresses"),
)
_SAMPLE = ", ".join(f"s.{name}" for name in MEASURED)
# The owner of a moment is that of `former` which was next to be replaced, if there is one.
_FORMER = {name: f"coalesce(f.{name}, p.{name})" for name in ("unit", "container", "cwd")}
_CHOSEN = """chosen JOIN listener l ON l.id = chosen.id
    LEFT JOIN former f ON f.listener_id = l.id AND f.until =
        (SELECT min(until) FROM former WHERE listener_id = l.id AND until > ?)"""
_PROCESS, _PROGRAM = (
    f"CASE WHEN f.until IS NULL THEN l.{name} ELSE f.{name} END"
    for name in ("process_id", "program_id")
)


def open_now_question(
    filters: Filters,
    now: int,
    closed_since: int | None = None,
    columns: str = "",
    also: Sequence[int] = (),
) -> Question:
    """The open listeners, by port, and those that closed from `closed_since` on, with each one's
    newest sample; `limit` and times do not count. columns: those to select before the sample's, if
    not all; also: ids of open ones that need not match."""
    chosen = Question("SELECT id FROM listener WHERE closed_at IS NULL")
    if closed_since is not None:
        chosen = open_between(closed_since - 1, None)
    where = matching(filters)
    if also:
        wanted = f"(({where.sql}) OR l.id IN (SELECT value FROM json_each(?)))"
        where = Question(wanted, (*where.parameters, json.dumps(also)))
    return Question(
        f"""
        WITH fresh AS (
            SELECT listener_id, max(tick_id) AS tick_id FROM sample
            WHERE tick_id >= (SELECT min(id) FROM tick WHERE at >= ? -
                (SELECT coalesce(max(sample_interval), 0) FROM watch))
            GROUP BY listener_id
        )
        SELECT {columns or select_columns(but=_NOT_NOW)}, {_SAMPLE}
        FROM {from_tables()}
        LEFT JOIN fresh ON fresh.listener_id = l.id
        LEFT JOIN sample s ON s.tick_id = fresh.tick_id AND s.listener_id = l.id
        WHERE l.id IN ({chosen.sql}) AND {where.sql}
        ORDER BY l.port, l.protocol, l.family, l.address, l.id
        """,
        (now - FRESH_US, *chosen.parameters, *where.parameters),
    )


def open_now_rows(
    connection: engine.Connection, filters: Filters, now: int
) -> list[dict[str, Any]]:
    """The open listeners, by port, with the other end of those that are published."""
    cursor = connection.execute(*open_now_question(filters, now))
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    both = published(connection)
    for row in rows:
        row["leads_to"] = both.leads_to.get(row["id"])
        row["published_by"] = next(iter(both.published_by.get(row["id"], ())), None)
    return rows


def other_ends(connection: engine.Connection, filters: Filters, both: Published) -> list[int]:
    """The ids of the containers' ends that the filters leave out, of published ports whose host's
    end they let through."""
    if not both.leads_to:
        return []
    where = matching(filters)
    found = connection.execute(
        "SELECT l.id FROM listener l WHERE l.id IN (SELECT value FROM json_each(?))"
        f" AND {where.sql}",
        (json.dumps([*both.leads_to, *both.leads_to.values()]), *where.parameters),
    )
    matched = {listener_id for (listener_id,) in found}
    inside = {end for host, end in both.leads_to.items() if host in matched}
    return sorted(inside - matched)


def open_at_rows(
    connection: engine.Connection, filters: Filters, at: int, coverage: MomentCoverage
) -> list[dict[str, Any]]:
    """The listeners that were open at a moment, by port, with every column, the moment as `at`."""
    question = open_at_question(filters, at, coverage, but=())
    cursor = connection.execute(*question)
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    unmeasured = {} if coverage.gap is None else dict.fromkeys(MEASURED)
    return [
        {**row, **unmeasured, "at": at, "certainty": certainty_of(row, at, coverage)}
        for row in rows
    ]


def open_at_question(
    filters: Filters, at: int, coverage: MomentCoverage, but: Sequence[str] = _NOT_THEN
) -> Question:
    """The listeners that were open at a moment; but: columns to leave out."""
    home = (_FORMER["unit"], _FORMER["container"], FOUND_BY)
    where = matching(filters, program=_PROGRAM, home=home)
    gap = coverage.gap
    opened_by = at if gap is None or gap.end is None else gap.end
    chosen = open_between(at, opened_by)
    return Question(
        f"""
        WITH chosen AS ({chosen.sql}), fresh AS (
            SELECT listener_id, max(tick_id) AS tick_id FROM sample
            WHERE tick_id BETWEEN (SELECT min(id) FROM tick WHERE at >= ?)
                AND (SELECT id FROM tick WHERE at <= ? ORDER BY at DESC LIMIT 1)
            GROUP BY listener_id
        )
        SELECT {select_columns(but=but, **_FORMER)}, {_SAMPLE}
        FROM {from_tables(_CHOSEN, _PROCESS, _PROGRAM)}
        LEFT JOIN fresh ON fresh.listener_id = l.id
        LEFT JOIN sample s ON s.tick_id = fresh.tick_id AND s.listener_id = l.id
        WHERE (l.opened_at <= ? OR l.opened_seen = 'gap') AND {where.sql}
        ORDER BY l.port, l.protocol, l.address, l.id
        """,
        (*chosen.parameters, at - FRESH_US, at, at, at, *where.parameters),
    )


def certainty_of(row: dict[Any, Any], at: int, coverage: MomentCoverage) -> str:
    """The certainty with which this listener was open at a moment; empty if it was."""
    gap = coverage.gap
    if row["unseen_at"] is not None and row["unseen_at"] <= at:
        return "could not be looked for any more"
    if row["opened_at"] > at:
        return "may have been open already"
    ended = row["closed_at"]
    if gap is None:
        polled = row["closed_seen"] == "poll" and ended is not None
        late = polled and ended is not None and ended - coverage.interval <= at
        return "may have closed just before" if late else _EXACT
    if row["closed_seen"] == "gap" and ended is not None and (gap.end is None or ended <= gap.end):
        return "may have closed already"
    return "open when last watched" if gap.end is None else "open before and after the gap"
