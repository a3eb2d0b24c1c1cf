"""What listeners used: ticks, samples past a dead band, rollups."""

import sqlite3
from collections.abc import Iterator

import numpy as np

from benchmarks.seeding.scale import DAY, HOUR, MINUTE, SECOND, Scale
from benchmarks.seeding.watches import Times, Watches

BEAT = 10 * SECOND
LASTING = 10 * MINUTE  # a shorter life has little to roll up
_KEEP_ALIVE = 30  # ticks: five minutes
_MISSED = 30 * SECOND
# How much of its time a listener is idle, changes now and then, or always.
CHANGES = ((0.65, 0.0), (0.25, 0.1), (0.1, 0.6))
_ROLLUPS = ((300, 7 * DAY), (3600, None))


def write_ticks(connection: sqlite3.Connection, scale: Scale, watched: Watches) -> Times:
    """Store the ticks of the last days; returns their times, of which the first has id 1."""
    begin, now = int(watched.begins[0]), int(watched.ends[-1])
    at = np.arange(now, max(begin, now - int(scale.sample_days * DAY)), -BEAT, dtype=np.int64)[::-1]
    number = watched.number(at)
    at, number = at[at < watched.ends[number]], number[at < watched.ends[number]]
    # Once a day the system could not be read for a while.
    blind = np.arange(len(at)) % (DAY // BEAT) == 4000
    connection.executemany(
        "INSERT INTO tick VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                *(index, moment, moment - begin, watch, scale.listeners, 37 + index % 11, 900),
                *(1, 0, _MISSED if missed else 0, 0, 0),
            )
            for index, (moment, watch, missed) in enumerate(
                zip(at.tolist(), (number + 1).tolist(), blind.tolist(), strict=True), 1
            )
        ),
    )
    return at


def write_own(connection: sqlite3.Connection) -> None:
    """Store what the monitor itself used at these ticks: a database that grows."""
    connection.execute(
        """
        UPDATE tick SET cpu = 25 + id * 7 % 31 + 40 * (id % 360 = 0),
            rss = 24000000 + id * 4096 % 1500000, size = 9000000 + id * 512,
            scan_us = 700 + id * 13 % 600
        """
    )


def write_samples(
    connection: sqlite3.Connection,
    ticks: Times,
    listeners: Times,
    opened: Times,
    rng: np.random.Generator,
) -> None:
    """Store the samples of these open listeners: one where a value moved, and every 5 minutes."""
    kinds = rng.choice(len(CHANGES), len(listeners), p=[share for share, _ in CHANGES])
    tick_ids, sampled = [], []
    for listener, begun, kind in zip(listeners.tolist(), opened.tolist(), kinds, strict=True):
        first = int(np.searchsorted(ticks, begun))
        positions = np.arange(first, len(ticks), dtype=np.int64)
        moved = rng.random(len(positions)) < CHANGES[kind][1]
        kept = positions[moved | ((positions - first) % _KEEP_ALIVE == 0)]
        tick_ids.append(kept + 1)
        sampled.append(np.full(len(kept), listener, dtype=np.int64))
    tick, listener_id = np.concatenate(tick_ids), np.concatenate(sampled)
    order = np.lexsort((listener_id, tick))
    tick, listener_id = tick[order], listener_id[order]
    cpu = rng.integers(0, 900, len(tick)).tolist()
    rows = zip(tick.tolist(), listener_id.tolist(), cpu, strict=True)
    connection.executemany(
        "INSERT INTO sample VALUES (?, ?, ?, ?, ?, 0, 128)",
        ((t, each, used, (8 + each % 90) << 20, used % 7) for t, each, used in rows),
    )


def write_rollups(
    connection: sqlite3.Connection, now: int, listener: Times, opened: Times, closed: Times
) -> None:
    """Store what these listeners used by bucket; `closed` is 0 for what is open."""
    ends = np.where(closed > 0, closed, now)
    for seconds, reach in _ROLLUPS:
        length = seconds * SECOND
        since = 0 if reach is None else now - reach
        rows = sorted(_buckets(length, since, listener.tolist(), opened.tolist(), ends.tolist()))
        connection.executemany(
            "INSERT INTO rollup VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 128)",
            (
                (
                    *(seconds, bucket, each, ticks, ticks * (50 + wave), 400 + wave),
                    *((8 + each % 90) << 20, wave % 7),
                )
                for bucket, each, ticks in rows
                for wave in (abs(bucket // HOUR % 24 - 12) * (each % 13),)
            ),
        )


def _buckets(
    length: int, since: int, listeners: list[int], opened: list[int], ends: list[int]
) -> Iterator[tuple[int, int, int]]:
    """Bucket, listener and ticks within, of every bucket that a listener was sampled in."""
    for listener, begin, end in zip(listeners, opened, ends, strict=True):
        start = max(begin, since)
        for bucket in range(start - start % length, end, length):
            ticks = (min(end, bucket + length) - max(begin, bucket)) // BEAT
            if ticks:
                yield bucket, listener, ticks
