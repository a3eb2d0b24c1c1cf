"""The hour before now, for numbers and trends that stand beside what listens."""

import sqlite3
from dataclasses import dataclass

import pandas as pd

from porteye_core.exposure import Exposure
from porteye_core.model import Filters
from porteye_core.store.frames.columns import exposures, frame_of
from porteye_core.store.queries import Question, matching

_HOUR = 3600 * 1_000_000
_POINT = 5 * 60 * 1_000_000  # the resolution of the usage rollup
_POINTS = _HOUR // _POINT
_REACHABLE = [each.value for each in Exposure if each.is_reachable]


@dataclass(frozen=True, slots=True)
class LastHour:
    """Per five minutes of the last hour, oldest first: how many listeners were open and reachable
    at their end, how many opened and closed in them, how many accept queues were under pressure."""

    open: list[int]
    reachable: list[int]
    opened: list[int]
    closed: list[int]
    pressed: list[int]


def last_hour(
    connection: sqlite3.Connection, filters: Filters, listening: pd.DataFrame, now: int
) -> LastHour:
    """The last hour of what the filters let through, which listens now as given."""
    since = now - _HOUR
    frame = frame_of(connection, _closed(filters, since))
    frame["exposure"] = exposures(frame)
    still = listening[~listening["closed"]]
    opened = [*still["since"].astype("int64"), *frame["opened_at"]]
    closed = [*[now + 1] * len(still), *frame["closed_at"]]
    reach = [each in _REACHABLE for each in (*still["exposure"], *frame["exposure"])]
    lives = pd.DataFrame({"opened": opened, "closed": closed, "reach": reach}, dtype="int64")
    ends = [since + _POINT * point for point in range(1, _POINTS + 1)]
    at = [lives[(lives["opened"] <= end) & (lives["closed"] > end)] for end in ends]
    return LastHour(
        [len(each) for each in at],
        [int(each["reach"].sum()) for each in at],
        _per_point(lives["opened"], since),
        _per_point(frame["closed_at"], since),
        _pressed(connection, set(listening["id"]) | set(frame["id"]), since),
    )


def trends(
    connection: sqlite3.Connection, now: int
) -> tuple[dict[int, list[float]], dict[int, list[float]]]:
    """By listener, its mean CPU in percent of a core and its most memory in bytes per five minutes
    of the last hour, oldest first."""
    cpu: dict[int, list[float]] = {}
    rss: dict[int, list[float]] = {}
    for number, beats, total, most in connection.execute(
        "SELECT listener_id, beats, cpu_sum, rss_max FROM rollup"
        " WHERE resolution = 300 AND bucket >= ? ORDER BY bucket",
        (now - _HOUR,),
    ):
        if total is not None:
            cpu.setdefault(number, []).append(total / beats / 100)
        if most is not None:
            rss.setdefault(number, []).append(most)
    return cpu, rss


def _closed(filters: Filters, since: int) -> Question:
    where, parameters = matching(filters, "l.port", "l.program_id", "l.protocol")
    return Question(
        f"""
        SELECT l.id, l.address, l.opened_at, l.closed_at,
            coalesce(l.netns != h.netns, 0) AS elsewhere
        FROM listener l JOIN host h ON h.id = l.host_id
        WHERE l.span IN (0, 1, 2) AND l.closed_at >= ? AND {where}
        """,
        (since, *parameters),
    )


def _per_point(times: "pd.Series[int]", since: int) -> list[int]:
    within = times[(times > since) & (times <= since + _HOUR)]
    counts = ((within - since - 1) // _POINT).value_counts()
    return [int(counts.get(point, 0)) for point in range(_POINTS)]


def _pressed(connection: sqlite3.Connection, listeners: set[int], since: int) -> list[int]:
    """In each five minutes, the listeners whose accept queue was half full or more."""
    counts = [0] * _POINTS
    for bucket, number in connection.execute(
        "SELECT bucket, listener_id FROM rollup WHERE resolution = 300 AND bucket > ?"
        " AND backlog > 0 AND queue_max * 2 >= backlog",
        (since,),
    ):
        if number in listeners:
            counts[min((bucket - since) // _POINT, _POINTS - 1)] += 1
    return counts
