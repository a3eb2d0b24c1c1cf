"""The listeners that are open now, or were open at a moment, as frames."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from porteye_core.model import Filters
from porteye_core.programs import Identity
from porteye_core.store import engine
from porteye_core.store.reading.coverage import MomentCoverage
from porteye_core.store.reading.listener_rows import (
    FRESH_US,
    Question,
    describe,
    frame_of,
    from_tables,
    matching,
    open_between,
    select_columns,
    times,
    values,
)

_EXACT = ""
_IDENTIFYING = ("process", "exe", "cmdline", "unit", "container", "cwd")
_MEASURED = ["cpu", "rss", "clients", "queue", "backlog"]
# Columns that nobody shows: a frame pays for each.
_NOT_NOW = ("inode", "closed_seen", "holders_gone", "program_id")
_NOT_THEN = ("family", "netns", "inode", "holders_gone", "socket_user", "memory", "started_at")
_SAMPLE = ", ".join(f"s.{name}" for name in _MEASURED)
# The owner of a moment is that of `former` which was next to be replaced, if there is one.
_FORMER = {name: f"coalesce(f.{name}, p.{name})" for name in ("unit", "container", "cwd")}
_CHOSEN = """chosen JOIN listener l ON l.id = chosen.id
    LEFT JOIN former f ON f.listener_id = l.id AND f.until =
        (SELECT min(until) FROM former WHERE listener_id = l.id AND until > ?)"""
_PROCESS, _PROGRAM = (
    f"CASE WHEN f.until IS NULL THEN l.{name} ELSE f.{name} END"
    for name in ("process_id", "program_id")
)


def open_now(
    connection: engine.Connection, filters: Filters, now: int, closed_since: int | None = None
) -> pd.DataFrame:
    """The listeners that are open, by port; and those that closed since a time, if one is given.

    cpu is in percent of one core, memory in bytes, age in seconds; `process` names the reason
    where the owner is not known, `exposure` in words who may come, `home` the unit or container;
    `unseen`: it can no longer be looked for, so that it may have closed.
    """
    frame = _measured(frame_of(connection, open_now_question(filters, now, closed_since)))
    frame["since"] = times(frame.pop("opened_at"))
    frame["age"] = (pd.Timestamp(now, unit="us", tz="UTC") - frame["since"]).dt.total_seconds()
    frame["closed_at"] = times(frame["closed_at"])
    frame["closed"] = frame["closed_at"].notna()
    frame["unseen"] = frame["unseen_at"].notna() & ~frame["closed"]
    return describe(frame)


def open_now_question(filters: Filters, now: int, closed_since: int | None = None) -> Question:
    """The same as rows, with each listener's newest sample; `limit` and times do not count."""
    chosen = Question("SELECT id FROM listener WHERE closed_at IS NULL")
    if closed_since is not None:
        chosen = open_between(closed_since - 1, None)
    where = matching(filters)
    return Question(
        f"""
        WITH fresh AS (
            SELECT listener_id, max(tick_id) AS tick_id FROM sample
            WHERE tick_id >= (SELECT min(id) FROM tick WHERE at >= ? -
                (SELECT coalesce(max(sample_interval), 0) FROM watch))
            GROUP BY listener_id
        )
        SELECT {select_columns(but=_NOT_NOW)}, {_SAMPLE}
        FROM {from_tables()}
        LEFT JOIN fresh ON fresh.listener_id = l.id
        LEFT JOIN sample s ON s.tick_id = fresh.tick_id AND s.listener_id = l.id
        WHERE l.id IN ({chosen.sql}) AND {where.sql}
        ORDER BY l.port, l.protocol, l.family, l.address, l.id
        """,
        (now - FRESH_US, *chosen.parameters, *where.parameters),
    )


def open_at(
    connection: engine.Connection, filters: Filters, at: int, coverage: MomentCoverage
) -> pd.DataFrame:
    """The listeners that were open at a moment, by port, with their owners of then; `certainty`
    says in words what could not be known.

    If nobody watched then, those that were found open afterwards may have been, too.
    """
    frame = _measured(frame_of(connection, _open_at_question(filters, at, coverage)))
    frame["certainty"] = [
        _certainty(row, at, coverage)
        for row in frame[["opened_at", "closed_at", "closed_seen", "unseen_at"]].to_dict("records")
    ]
    if coverage.gap is not None:  # what it used then is not known either
        frame[_MEASURED] = pd.NA
    frame["since"] = times(frame["opened_at"])
    frame["ip"] = frame["address"]
    identities = [_identity(row) for row in values(frame, *_IDENTIFYING)]
    frame["identity"] = pd.Series(identities, index=frame.index, dtype="object")
    return describe(frame)


def open_at_rows(
    connection: engine.Connection, filters: Filters, at: int, coverage: MomentCoverage
) -> list[dict[str, Any]]:
    """The same as rows with every column, the moment itself as `at`."""
    question = _open_at_question(filters, at, coverage, but=())
    cursor = connection.execute(*question)
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor]
    unmeasured = {} if coverage.gap is None else dict.fromkeys(_MEASURED)
    return [
        {**row, **unmeasured, "at": at, "certainty": _certainty(row, at, coverage)} for row in rows
    ]


def _open_at_question(
    filters: Filters, at: int, coverage: MomentCoverage, but: Sequence[str] = _NOT_THEN
) -> Question:
    where = matching(filters, program=_PROGRAM, home=(_FORMER["unit"], _FORMER["container"]))
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


def _measured(frame: pd.DataFrame) -> pd.DataFrame:
    frame["cpu"] = frame["cpu"].astype("Float64") / 100
    for column in ("pid", *_MEASURED[1:]):
        frame[column] = frame[column].astype("Int64")
    return frame


def _identity(row: tuple[Any, ...]) -> Identity | None:
    """Return what makes the program the same after a restart, None where it is not known."""
    return Identity.of(*row) if all(isinstance(each, str) for each in row) else None


def _certainty(row: dict[Any, Any], at: int, coverage: MomentCoverage) -> str:
    gap = coverage.gap
    if not pd.isna(row["unseen_at"]) and row["unseen_at"] <= at:
        return "could not be looked for any more"
    if row["opened_at"] > at:
        return "may have been open already"
    closed = row["closed_at"]
    ended = None if closed is None or pd.isna(closed) else int(closed)
    if gap is None:
        polled = row["closed_seen"] == "poll" and ended is not None
        late = polled and ended is not None and ended - coverage.interval <= at
        return "may have closed just before" if late else _EXACT
    if row["closed_seen"] == "gap" and ended is not None and (gap.end is None or ended <= gap.end):
        return "may have closed already"
    return "open when last watched" if gap.end is None else "open before and after the gap"
