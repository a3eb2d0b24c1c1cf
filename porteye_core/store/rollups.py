"""What listeners used in buckets of time, from every beat; no transaction of its own.

Each beat adds to the rows of its five minutes, so that a kill loses nothing and readers are never
behind. Those of an hour are made anew of these whenever five minutes end: adding to them at each
beat, too, would write 140 MB more to the disk in a day of 200 listeners.
"""

import sqlite3
from collections.abc import Iterable

from porteye_core.model import Sample
from porteye_core.store.counts import bucket_of

FINE, COARSE = 300, 3600  # resolutions, seconds

# CPU that could not be read at a beat counts as the mean before it, else as the first after it:
# as nothing it would pull cpu_sum / beats down.
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
    """Keeps the rows of the bucket that is being filled."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._bucket: int | None = None
        self._is_known = False

    def forget(self) -> None:
        """Begin with what is stored: after a transaction that failed, as after a kill, the hour may
        not have been made of its last minutes yet."""
        self._is_known = False

    def _know(self) -> None:
        if not self._is_known:
            self._bucket = self._connection.execute(
                "SELECT max(bucket) FROM rollup WHERE resolution = ?", (FINE,)
            ).fetchone()[0]
            self._is_known = True

    def add(self, at: int, samples: Iterable[Sample]) -> None:
        """Count one beat of these listeners."""
        self._know()
        bucket = bucket_of(at, FINE)
        if bucket != self._bucket:
            self.fold()
        self._bucket = bucket
        self._connection.executemany(
            _ADD,
            [
                (FINE, bucket, s.listener_id, s.cpu, s.cpu, s.rss, s.clients, s.queue, s.backlog)
                for s in samples
            ],
        )

    def fold(self) -> None:
        """Make the hour of the latest five minutes of what they have."""
        self._know()
        if self._bucket is not None:
            hour = bucket_of(self._bucket, COARSE)
            self._connection.execute(_FOLD, {"coarse": COARSE, "hour": hour, "fine": FINE})
