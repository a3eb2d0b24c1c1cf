"""Watches, gaps and lost records, as frames; the newest first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import pandas as pd

from porteye_core.store import engine
from porteye_core.store.reading.coverage import Gap, Watches
from porteye_core.store.reading.listener_rows import times
from porteye_core.store.reading.status import State

_MAX_RISES = 100
_GOING_ON = {
    State.WATCHING: "running",
    State.HOLDING: "cannot write now",
    State.STALLED: "cannot scan now",
}
_UNTIL_NOW = {
    State.HOLDING: "what is seen waits in the monitor's memory, and is not stored yet",
    State.STALLED: "the monitor runs, but cannot scan",
}
# A host of a fleet may go on watching; what it saw is not here.
_NOT_SHIPPED = {
    State.BEHIND: "the host has not shipped it yet",
    State.SILENT: "the host is silent",
    State.RETIRED: "the host was retired",
}
_BEYOND = 1 << 62  # no watch has this number


@dataclass(frozen=True, slots=True)
class WatchTables:
    """The watches and what interrupted them, each cut to a number of rows.

    watches: `from`, `until` (the moment of asking where it goes on), `source`, `why`, `ended`,
    `pid`, `version`. gaps: `from`, `until`, `reason`. The times are UTC, `length` is in
    microseconds; total and total_gaps count what is cut too.
    """

    watches: pd.DataFrame
    gaps: pd.DataFrame
    total: int
    total_gaps: int


def watches(
    connection: engine.Connection,
    found: Watches,
    since: int,
    until: int,
    now: int,
    limit: int,
    state: State,
) -> WatchTables:
    """The watches and gaps that a range overlaps; `state` is that of the monitor now, and `found`
    has its watches."""
    booted = connection.execute("SELECT max(booted_at) FROM host").fetchone()[0] or 0
    latest = max((watch.id for watch in found.all), default=None)
    rows: list[tuple[object, ...]] = []
    for watch in sorted(found.all, key=lambda watch: watch.id, reverse=True):
        lately = state if watch.id == latest else State.STOPPED
        end = now if lately is State.WATCHING else watch.end
        if watch.started_at <= until and end >= since:
            ended = _GOING_ON.get(lately) or _end(watch.stopped_at, lately)
            rows.append((watch.started_at, end, ended, watch.source, watch.why, watch.pid,
                         watch.version))  # fmt: skip
    gaps = list(_jumps(found, since, until))
    for gap in found.gaps:
        end = now if gap.end is None else gap.end
        if gap.start is not None and gap.start < end and gap.start <= until and end >= since:
            gaps.append((gap.start, end, _reason(gap, booted, state)))
    gaps.sort(reverse=True)
    return WatchTables(
        _frame(rows[:limit], ["ended", "source", "why", "pid", "version"]),
        _frame(gaps[:limit], ["reason"]),
        len(rows),
        len(gaps),
    )


def _end(stopped_at: int | None, lately: State) -> str:
    if stopped_at:
        return "stopped"
    return "not known" if lately in _NOT_SHIPPED else "no stop recorded"


def _reason(gap: Gap, booted: int, state: State) -> str:
    if gap.after is None:
        return "the machine slept, or the monitor could not scan"
    if gap.end is None and state in _UNTIL_NOW:
        return _UNTIL_NOW[state]
    if gap.end is None and state in _NOT_SHIPPED and not gap.after.stopped_at:
        return _NOT_SHIPPED[state]
    if gap.after.end < booted and (gap.end is None or booted <= gap.end):
        return "the machine was started anew"
    if gap.after.stopped_at:
        return "the monitor was stopped"
    return "the monitor was killed: it recorded no stop"


def _jumps(found: Watches, since: int, until: int) -> Iterator[tuple[int, int, str]]:
    """The moments at which a clock was set while a watch went on."""
    for at, _, jump in found.interrupted:
        if jump and since < at <= until:
            way = "forward" if jump > 0 else "back"
            yield at, at, f"the clock was set {way} by {abs(jump) / 1e6:,.1f} s"


def _frame(rows: Sequence[tuple[object, ...]], further: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame.from_records(rows, columns=["from", "until", *further])
    frame["length"] = frame["until"].astype("int64") - frame["from"].astype("int64")
    for edge in ("from", "until"):
        frame[edge] = times(frame[edge])
    return frame


def losses(connection: engine.Connection, since: int, until: int) -> tuple[pd.DataFrame, bool]:
    """The newest hundred times at which kernel records were found lost: `at`, `lost`.

    The second value says that there were more.
    """
    rows = list(islice(_rises(connection, since, until), _MAX_RISES + 1))
    frame = pd.DataFrame.from_records(rows[:_MAX_RISES], columns=["at", "lost"])
    frame["at"] = times(frame["at"])
    return frame, len(rows) > _MAX_RISES


def _rises(connection: engine.Connection, since: int, until: int) -> Iterator[tuple[int, int]]:
    """A watch counts what it lost from tick to tick: the first tick of each count is a rise."""
    watch, count = _count_below(connection, _BEYOND, 0)
    while watch:
        at = connection.execute(
            "SELECT min(at) FROM tick WHERE lost > 0 AND watch_id = ? AND lost = ?", (watch, count)
        ).fetchone()[0]
        if at < since:
            return
        earlier, before = _count_below(connection, watch, count)
        if at <= until:
            yield at, count - before if earlier == watch else count
        watch, count = earlier, before


def _count_below(connection: engine.Connection, watch: int, count: int) -> tuple[int, int]:
    """The count before this one, of an earlier watch if this is the first; zeros if there is none.

    Two statements: a comparison of pairs would seek the watch and read all that is in it.
    """
    for condition, values in (
        ("watch_id = ? AND lost < ?", (watch, count)),
        ("watch_id < ?", (watch,)),
    ):
        row = connection.execute(
            f"SELECT watch_id, lost FROM tick WHERE lost > 0 AND {condition}"
            " ORDER BY watch_id DESC, lost DESC LIMIT 1",
            values,
        ).fetchone()
        if row:
            return row["watch_id"], row["lost"]
    return 0, 0
