"""When somebody watched and when nobody did, as frames; the newest first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import pandas as pd

from porteye_core.store import engine
from porteye_core.store.frames.columns import times
from porteye_core.store.status import State

_MOST_RISES = 100
_GOING_ON = {
    State.WATCHING: "goes on",
    State.HOLDING: "cannot write now",
    State.STALLED: "cannot look now",
}
_BEYOND = 1 << 62  # no watch has this number

_WATCHES = (
    "SELECT started_at, stopped_at, seen_at, source, why, pid, version,"
    " lead(started_at) OVER (ORDER BY id) AS next FROM watch ORDER BY id DESC"
)


@dataclass(frozen=True, slots=True)
class Watched:
    """The watches and what interrupted them, each cut to a number of rows.

    watches: `from`, `until` (the moment of asking where it goes on), `source`, `why`, `ended`,
    `pid`, `version`. gaps: `from`, `until`, `reason`. The times are UTC, `length` is in
    microseconds; total and total_gaps count what is cut too.
    """

    watches: pd.DataFrame
    gaps: pd.DataFrame
    total: int
    total_gaps: int


def watched(
    connection: engine.Connection,
    since: int,
    until: int,
    now: int,
    limit: int,
    state: State,
) -> Watched:
    """The watches and gaps that a range overlaps; `state` is that of the monitor now."""
    booted = connection.execute("SELECT max(booted_at) FROM host").fetchone()[0] or 0
    watches: list[tuple[object, ...]] = []
    gaps = list(_within(connection, since, until))
    for number, row in enumerate(connection.execute(_WATCHES)):
        begun, again = row["started_at"], row["next"] or now
        lately = state if number == 0 else State.STOPPED
        end = now if lately is State.WATCHING else row["stopped_at"] or row["seen_at"]
        if again < since:
            break
        if begun <= until and end >= since:
            watches.append((begun, end, *_how(row, lately)))
        if end < again and end <= until:
            gaps.append((end, again, _between(row, end, booted, lately)))
    gaps.sort(reverse=True)
    return Watched(
        _frame(watches[:limit], ["ended", "source", "why", "pid", "version"]),
        _frame(gaps[:limit], ["reason"]),
        len(watches),
        len(gaps),
    )


def _how(row: engine.Row, lately: State) -> tuple[object, ...]:
    ended = _GOING_ON.get(lately) or ("stopped" if row["stopped_at"] else "no stop recorded")
    return ended, row["source"], row["why"], row["pid"], row["version"]


def _between(row: engine.Row, end: int, booted: int, lately: State) -> str:
    again = row["next"]
    if lately is State.HOLDING:
        return "what is seen waits in the monitor's memory, and is not stored yet"
    if lately is State.STALLED:
        return "the monitor runs, but cannot look"
    if end < booted and (again is None or booted <= again):
        return "the machine was started anew"
    if row["stopped_at"]:
        return "the monitor was stopped"
    return "the monitor was killed: it recorded no stop"


def _within(
    connection: engine.Connection, since: int, until: int
) -> Iterator[tuple[int, int, str]]:
    """What a watch went on after: sleep, and clocks that were set."""
    for at, gap, jump in connection.execute(
        "SELECT at, gap, jump FROM tick WHERE (gap > 0 OR jump != 0) AND at > ? AND at <= ?",
        (since, until),
    ):
        if gap:
            yield at - gap, at, "the machine slept, or the monitor could not look"
        if jump:
            way = "forward" if jump > 0 else "back"
            yield at, at, f"the clock was set {way} by {abs(jump) / 1e6:,.1f} s"


def _frame(rows: Sequence[tuple[object, ...]], further: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame.from_records(rows, columns=["from", "until", *further])
    frame["length"] = frame["until"].astype("int64") - frame["from"].astype("int64")
    for edge in ("from", "until"):
        frame[edge] = times(frame[edge])
    return frame


def losses(connection: engine.Connection, since: int, until: int) -> tuple[pd.DataFrame, bool]:
    """When kernel records were found lost, and how many then: `at`, `lost`; the newest hundred.

    The second value says that there were more.
    """
    rows = list(islice(_rises(connection, since, until), _MOST_RISES + 1))
    frame = pd.DataFrame.from_records(rows[:_MOST_RISES], columns=["at", "lost"])
    frame["at"] = times(frame["at"])
    return frame, len(rows) > _MOST_RISES


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
