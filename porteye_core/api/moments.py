"""Moments of questions, and the answer where nothing is known of them."""

import time
from collections.abc import Iterator
from pathlib import Path

from starlette.responses import Response

from porteye_core import filters
from porteye_core.config import monitor_command
from porteye_core.errors import FilterError
from porteye_core.guards import error_response
from porteye_core.store.database import Database
from porteye_core.store.reading import MomentCoverage, RowReader, State, Status
from porteye_core.system.clock import timestamp


def moments(**given: str) -> Iterator[int]:
    """The times of these parameters. Raises FilterError where one is missing or has not come."""
    for name, text in given.items():
        at = filters.time(name, text)
        if at is None or at > now():
            wrong = "No time is given." if at is None else f"{text} has not come yet."
            raise FilterError(name, wrong, "Use a time that is over, like 2026-01-31T03:10:00Z.")
        yield at


def covered(reader: RowReader, at: int) -> tuple[int, MomentCoverage]:
    """A moment with its coverage. Raises FilterError if it is before the first watch."""
    how = reader.coverage_at(at, watching=reader.status(now()).is_current)
    if how.gap is not None and how.gap.start is None:
        raise FilterError(
            "at", f"Nobody watched yet at {timestamp(at)}.", "Use a time after the first watch."
        )
    return at, how


def not_watching(monitor: Status, db: Database) -> Response:
    """The answer while nobody knows what is open."""
    messages = {
        State.STARTING: "The monitor is starting and has not scanned yet.",
        State.HOLDING: "The monitor cannot write: what it sees waits in its memory.",
        State.STALLED: "The monitor runs, but has not been able to scan for a while.",
        State.BEHIND: "The host has not shipped yet what it saw last.",
        State.SILENT: "The host is silent: what listens there now is not known.",
        State.RETIRED: "The host was retired: what listens there now is not known.",
        **({} if isinstance(db, Path) else {State.NEVER: "The host has shipped nothing yet."}),
    }
    return error_response.error_response(
        503,
        f"monitor_{monitor.state}",
        messages.get(monitor.state, "The monitor is not running: what listens now is not known."),
        _remedy(monitor, db),
    )


def _remedy(monitor: Status, db: Database) -> str:
    if not isinstance(db, Path):
        return "See /api/hosts (/api/history still answers)."
    if monitor.state in (State.STARTING, State.HOLDING):
        return f"{monitor.trouble} Try again in a moment.".lstrip()
    return f"Start it: {monitor_command(db)} (/api/history still answers)."


def now() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000
