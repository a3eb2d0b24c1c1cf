"""Rows as records of JSON: the shape that the API and the exports share."""

from datetime import UTC, datetime
from typing import Any

from porteye_core.exposure import exposure
from porteye_core.reasons import reason
from porteye_core.store import engine
from porteye_core.store.queries import bound_of


def timestamp(at: int) -> str:
    """ISO 8601 in UTC with microseconds and offset.

    >>> timestamp(1_000_000)
    '1970-01-01T00:00:01.000000+00:00'
    """
    seconds, micros = divmod(at, 1_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)
    return moment.isoformat(timespec="microseconds")


def event(row: engine.Row) -> dict[str, Any]:
    """What happened, from a row of queries.events."""
    return {
        "id": row["id"],
        "timestamp": timestamp(row["at"]),
        "status": row["kind"],
        "seen": row["seen"],
        "port": row["port"],
        **place(row),
        "listener": row["listener"],
    }


def place(row: engine.Row) -> dict[str, Any]:
    """Where a listener is bound and whose it is, from any row that has these columns."""
    bound = bound_of(row)
    why = reason(row["hidden"], row["process"])
    return {
        "protocol": row["protocol"],
        "family": row["family"],
        "address": bound.address,
        "interface": bound.interface,
        "v6only": bound.v6only,
        "exposure": exposure(bound),
        "process": row["process"] or "",
        "title": row["title"] or "",
        "pid": row["pid"],
        "user": row["user"] or "",
        "cmdline": row["cmdline"] or "",
        "hidden": why.long if why else "",
    }
