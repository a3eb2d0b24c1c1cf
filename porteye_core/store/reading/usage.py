"""The CPU, memory, clients and queue of one listener over time, as a frame."""

import pandas as pd

from porteye_core.store import engine
from porteye_core.store.reading.listener_frames import frame_of
from porteye_core.store.reading.listener_rows import FRESH_US, Question, times

# Longer ranges are answered from rollups: a sample for each tick of a day is more than a chart has
# pixels.
_RAW_US, _FINE_US = 6 * 3600 * 1_000_000, 7 * 86_400 * 1_000_000


def usage(connection: engine.Connection, listener: int, since: int, until: int) -> pd.DataFrame:
    """CPU in percent of a core, memory in bytes, clients and accept queue at their times.

    A short range has the samples, which stand until the next one; a longer one the mean CPU and
    the most of the rest per bucket. A row without values ends what is known.
    """
    if until - since <= _RAW_US:
        frame = frame_of(connection, _samples(listener, since, until))
        known = FRESH_US
    else:
        resolution = 300 if until - since <= _FINE_US else 3600
        frame = frame_of(connection, _buckets(listener, resolution, since, until))
        known = resolution * 1_000_000
    frame = _with_ends(frame.astype("Float64"), known, until)
    frame["at"] = times(frame["at"])
    return frame


def _samples(listener: int, since: int, until: int) -> Question:
    return Question(
        """
        SELECT t.at, s.cpu / 100.0 AS cpu, s.rss, s.clients, s.queue, s.backlog
        FROM tick t JOIN sample s ON s.tick_id = t.id AND s.listener_id = ?
        WHERE t.at BETWEEN ? AND ? ORDER BY t.at
        """,
        (listener, since - FRESH_US, until),
    )


def _buckets(listener: int, resolution: int, since: int, until: int) -> Question:
    return Question(
        """
        SELECT r.bucket AS at, r.cpu_sum / 100.0 / r.beats AS cpu, r.rss_max AS rss,
            r.clients_max AS clients, r.queue_max AS queue, r.backlog
        FROM rollup r WHERE r.resolution = ? AND r.listener_id = ? AND r.bucket IN (
            WITH RECURSIVE b (bucket) AS (SELECT ? UNION ALL
                SELECT bucket + ? FROM b WHERE bucket + ? <= ?)
            SELECT bucket FROM b)
        ORDER BY r.bucket
        """,
        (
            resolution,
            listener,
            since - since % (resolution * 1_000_000),
            resolution * 1_000_000,
            resolution * 1_000_000,
            until,
        ),
    )


def _with_ends(frame: pd.DataFrame, known: int, until: int) -> pd.DataFrame:
    """A value stands for as long as the next one must have come."""
    if frame.empty:
        return frame
    after = frame["at"].shift(-1)
    ends = (frame["at"] + known).clip(upper=until)
    cut = after.isna() | (after > ends)
    last = frame[cut].assign(at=ends[cut])
    blank = last.copy()
    blank[["cpu", "rss", "clients", "queue", "backlog"]] = pd.NA
    together = pd.concat([frame, last, blank], ignore_index=True)
    return together.sort_values("at", kind="stable", ignore_index=True)
