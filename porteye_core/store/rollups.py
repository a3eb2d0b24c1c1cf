"""What long ranges are answered from, kept in the transaction of what it sums up.

Buckets begin at whole multiples of their resolution since the epoch; resolutions are in seconds.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from porteye_core.model import Kind, Sample

TURNOVER = (60, 3600, 86400)
ACTIVITY = (3600, 86400)
USAGE = (300, 3600)
NOBODY = 0  # in place of a program that is not known

_TURNOVER = """
INSERT INTO turnover VALUES (?, ?, ?, ?) ON CONFLICT (resolution, bucket)
DO UPDATE SET opened = opened + excluded.opened, closed = closed + excluded.closed
"""
_ACTIVITY = """
INSERT INTO activity VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (resolution, bucket, port, protocol, program_id)
DO UPDATE SET opened = opened + excluded.opened, closed = closed + excluded.closed
"""
# max() of two values is NULL where one is, and a value that could not be read is no value.
_USAGE = """
INSERT INTO rollup VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?)
ON CONFLICT (resolution, bucket, listener_id) DO UPDATE SET
    beats = beats + 1,
    cpu_sum = coalesce(cpu_sum + excluded.cpu_sum, cpu_sum, excluded.cpu_sum),
    cpu_max = max(coalesce(cpu_max, excluded.cpu_max), coalesce(excluded.cpu_max, cpu_max)),
    rss_max = max(coalesce(rss_max, excluded.rss_max), coalesce(excluded.rss_max, rss_max)),
    clients_max = max(
        coalesce(clients_max, excluded.clients_max), coalesce(excluded.clients_max, clients_max)
    ),
    queue_max = max(
        coalesce(queue_max, excluded.queue_max), coalesce(excluded.queue_max, queue_max)
    ),
    backlog = coalesce(excluded.backlog, backlog)
"""


class Happened(NamedTuple):
    """An event, as the rollups count it."""

    at: int
    kind: Kind
    port: int
    protocol: str
    program: int | None


def bucket(at: int, resolution: int) -> int:
    """The first microsecond of the bucket that a time is in.

    >>> bucket(61_500_000, 60)
    60000000
    """
    return at - at % (resolution * 1_000_000)


def count_events(connection: sqlite3.Connection, events: Iterable[Happened]) -> None:
    """Add events to turnover and activity."""
    turnover: defaultdict[tuple[int, int], Counter[Kind]] = defaultdict(Counter)
    activity: defaultdict[tuple[int, int, int, str, int], Counter[Kind]] = defaultdict(Counter)
    for at, kind, port, protocol, program in events:
        for each in TURNOVER:
            turnover[each, bucket(at, each)][kind] += 1
        for each in ACTIVITY:
            activity[each, bucket(at, each), port, protocol, program or NOBODY][kind] += 1
    for statement, counts in ((_TURNOVER, turnover), (_ACTIVITY, activity)):
        connection.executemany(
            statement,
            [(*key, count[Kind.OPENED], count[Kind.CLOSED]) for key, count in counts.items()],
        )


def name_opening(
    connection: sqlite3.Connection, opened_at: int, port: int, protocol: str, program: int
) -> None:
    """An opening that was counted for nobody was this program's: its owner has been learnt."""
    for each in ACTIVITY:
        start = bucket(opened_at, each)
        connection.execute(_ACTIVITY, (each, start, port, protocol, program, 1, 0))
        connection.execute(_ACTIVITY, (each, start, port, protocol, NOBODY, -1, 0))


def sum_usage(connection: sqlite3.Connection, at: int, samples: Sequence[Sample]) -> None:
    """Add one beat's samples to the rollup."""
    connection.executemany(
        _USAGE,
        [
            (
                each,
                bucket(at, each),
                s.listener_id,
                s.cpu,
                s.cpu,
                s.rss,
                s.clients,
                s.queue,
                s.backlog,
            )
            for each in USAGE
            for s in samples
        ],
    )
