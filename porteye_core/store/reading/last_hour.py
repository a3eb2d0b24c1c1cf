"""The hour before now, for numbers and trends that stand beside what listens."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from porteye_core.exposure import Exposure, exposure
from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.reading.listener_rows import (
    Question,
    bound_of,
    from_tables,
    matching,
    select_columns,
)

Numbers = npt.NDArray[np.int64]

_HOUR = 3600 * 1_000_000
_POINT = 5 * 60 * 1_000_000  # the resolution of the usage rollup
_POINTS = _HOUR // _POINT
_COLUMNS = select_columns(
    *("id", "opened_at", "closed_at"),
    *("address", "interface", "interface_kind", "v6only", "namespace"),
)
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
    connection: engine.Connection, filters: Filters, listening: pd.DataFrame, now: int
) -> LastHour:
    """The last hour of what the filters let through, which listens now as given."""
    since = now - _HOUR
    gone = connection.execute(*_closed(filters, since)).fetchall()
    still = listening[~listening["closed"] & ~listening["unseen"]]
    closed_at = _numbers(row["closed_at"] for row in gone)
    opened = np.append(still["since"].astype("int64"), _numbers(row["opened_at"] for row in gone))
    closed = np.append(np.full(len(still), now + 1), closed_at)
    reach = [each in _REACHABLE for each in still["exposure"]]
    reach += [exposure(bound_of(row)).is_reachable for row in gone]
    ends = [since + _POINT * point for point in range(1, _POINTS + 1)]
    at = [(opened <= end) & (closed > end) for end in ends]
    return LastHour(
        [int(each.sum()) for each in at],
        [int((each & np.array(reach, dtype="bool")).sum()) for each in at],
        _per_point(opened, since),
        _per_point(closed_at, since),
        _pressed(connection, set(listening["id"]) | {row["id"] for row in gone}, since),
    )


def trends(
    connection: engine.Connection, now: int
) -> tuple[dict[int, list[float]], dict[int, list[float]]]:
    """By listener, its mean CPU in percent of a core and its peak memory in bytes per five minutes
    of the last hour, oldest first."""
    cpu: dict[int, list[float]] = {}
    rss: dict[int, list[float]] = {}
    for listener_id, ticks, total, peak in connection.execute(
        "SELECT listener_id, beats, cpu_sum, rss_max FROM rollup"
        " WHERE resolution = 300 AND bucket >= ? ORDER BY bucket",
        (now - _HOUR,),
    ):
        if total is not None:
            cpu.setdefault(listener_id, []).append(total / ticks / 100)
        if peak is not None:
            rss.setdefault(listener_id, []).append(peak)
    return cpu, rss


def _closed(filters: Filters, since: int) -> Question:
    where = matching(filters)
    return Question(
        f"""
        SELECT {_COLUMNS} FROM {from_tables()}
        WHERE l.span IN (0, 1, 2) AND l.closed_at >= ? AND {where.sql}
        """,
        (since, *where.parameters),
    )


def _numbers(values: Iterable[int]) -> Numbers:
    return np.fromiter(values, dtype="int64")


def _per_point(times: Numbers, since: int) -> list[int]:
    within = times[(times > since) & (times <= since + _HOUR)]
    counts: list[int] = np.bincount((within - since - 1) // _POINT, minlength=_POINTS).tolist()
    return counts


def _pressed(connection: engine.Connection, listeners: set[int], since: int) -> list[int]:
    """In each five minutes, the listeners whose accept queue was half full or more."""
    counts = [0] * _POINTS
    for bucket, listener_id in connection.execute(
        "SELECT bucket, listener_id FROM rollup WHERE resolution = 300 AND bucket > ?"
        " AND backlog > 0 AND queue_max * 2 >= backlog",
        (since,),
    ):
        if listener_id in listeners:
            counts[min((bucket - since) // _POINT, _POINTS - 1)] += 1
    return counts
