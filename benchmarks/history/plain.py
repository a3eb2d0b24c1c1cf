"""The peer: every question as one would first write it, and as the answer is defined."""

from typing import Any

from porteye_core.model import Filters
from porteye_core.store.reading.listener_rows import NAMES, Question, matching, select_columns

_FROM = """
FROM event e
JOIN listener l ON l.id = e.listener_id
JOIN host h ON h.id = l.host_id
LEFT JOIN process p ON p.id = l.process_id
LEFT JOIN container c ON c.id = p.container_id
LEFT JOIN program g ON g.id = coalesce(e.program_id, l.program_id)
"""
_COLUMNS = select_columns(
    *("id", "protocol", "family", "address", "hidden"),
    *("interface", "interface_kind", "v6only", "namespace"),
    *("pid", "process", "exe", "title", "user", "unit", "container", "cmdline", *NAMES),
    id="e.id",
    port="e.port",
    listener="l.id",
)
_TITLE = "title(g.name, g.exe, g.cmdline)"


def plain_history(filters: Filters, before: int | None = None) -> Question:
    """LIKE over the joined rows, ORDER BY, LIMIT."""
    where, parameters = _where(filters)
    if before is not None:
        where += " AND e.id < ?"
        parameters += (before,)
    return Question(
        f"SELECT e.at, e.kind, e.seen, {_COLUMNS} {_FROM} WHERE {where} ORDER BY e.id DESC LIMIT ?",
        (*parameters, filters.limit),
    )


def plain_count(filters: Filters) -> Question:
    """Every row that matches, counted."""
    where, parameters = _where(filters)
    return Question(f"SELECT count(*) {_FROM} WHERE {where}", parameters)


def _where(filters: Filters) -> tuple[str, tuple[Any, ...]]:
    where, parameters = matching(
        Filters(ports=filters.ports, protocol=filters.protocol), "e.port", "g.id", "l.protocol"
    )
    if filters.process:
        where += f" AND (g.name LIKE ? OR g.cmdline LIKE ? OR {_TITLE} LIKE ?)"
        parameters += (f"%{filters.process}%",) * 3
    for bound, sign in ((filters.since, ">="), (filters.until, "<=")):
        if bound is not None:
            where += f" AND e.at {sign} ?"
            parameters += (bound,)
    return where, parameters
