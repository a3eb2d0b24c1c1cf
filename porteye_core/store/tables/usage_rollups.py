"""Rollups: use of each listener per bucket of five minutes and of an hour.

Each sampling tick adds to the rows of its five minutes, so that a kill loses nothing and readers
see every tick. The rows of an hour are computed from these at the end of each five minutes: adding
to them at each tick as well would write 140 MB more per day with 200 listeners. The caller opens
the transaction.
"""

import sqlite3
from collections.abc import Iterable

from porteye_core.model import Sample
from porteye_core.store.tables.event_counters import bucket_of

FINE, COARSE = 300, 3600  # resolutions, seconds

# A tick without a CPU value counts as the mean of the ticks before it, or as the first value after
# it: as zero it would lower the mean, cpu_sum / beats.
_ADD = """
INSERT INTO rollup VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    beats = beats + 1,
    cpu_sum = coalesce(
        cpu_sum + coalesce(excluded.cpu_sum, cpu_sum / beats), excluded.cpu_sum * (beats + 1)),
    cpu_max = coalesce(max(cpu_max, excluded.cpu_max), cpu_max, excluded.cpu_max),
    rss_max = coalesce(max(rss_max, excluded.rss_max), rss_max, excluded.rss_max),
    clients_max = coalesce(
        max(clients_max, excluded.clients_max), clients_max, excluded.clients_max),
    queue_max = coalesce(max(queue_max, excluded.queue_max), queue_max, excluded.queue_max),
    backlog = coalesce(excluded.backlog, backlog)
"""
_FOLD = """
INSERT OR REPLACE INTO rollup
SELECT :coarse, :hour,
    listener_id, beats, cpu_sum, cpu_max, rss_max, clients_max, queue_max, backlog
FROM (
    SELECT listener_id, sum(beats) AS beats,
        sum(cpu_sum) * sum(beats) / sum(iif(cpu_sum IS NULL, 0, beats)) AS cpu_sum,
        max(cpu_max) AS cpu_max, max(rss_max) AS rss_max, max(clients_max) AS clients_max,
        max(queue_max) AS queue_max, max(backlog) AS backlog
    FROM rollup WHERE resolution = :fine AND bucket >= :hour AND bucket < :hour + :coarse * 1000000
    GROUP BY listener_id
)
"""


class Rollups:
    """Writer of the rows of the current bucket."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._bucket: int | None = None
        self._is_loaded = False

    def forget(self) -> None:
        """Read the current bucket from the database again.

        After a failed transaction, as after a kill, the hour may lack its last minutes.
        """
        self._is_loaded = False

    def _load(self) -> None:
        if not self._is_loaded:
            self._bucket = self._connection.execute(
                "SELECT max(bucket) FROM rollup WHERE resolution = ?", (FINE,)
            ).fetchone()[0]
            self._is_loaded = True

    def add(self, at: int, samples: Iterable[Sample]) -> None:
        """Add the samples of one sampling tick."""
        self._load()
        bucket = bucket_of(at, FINE)
        if bucket != self._bucket:
            self.fold()
        self._bucket = bucket
        self._connection.executemany(
            _ADD,
            (
                (FINE, bucket, s.listener_id, s.cpu, s.cpu, s.rss, s.clients, s.queue, s.backlog)
                for s in samples
            ),
        )

    def fold(self) -> None:
        """Compute the hour of the current bucket from its rows of five minutes."""
        self._load()
        if self._bucket is not None:
            hour = bucket_of(self._bucket, COARSE)
            self._connection.execute(_FOLD, {"coarse": COARSE, "hour": hour, "fine": FINE})
