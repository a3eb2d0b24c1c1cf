"""What happened over a range of time, as frames."""

import sqlite3

import pandas as pd

from porteye_core.model import Filters
from porteye_core.store import queries
from porteye_core.store.frames.columns import frame_of, number, owners, times


def turnover(connection: sqlite3.Connection, filters: Filters, bucket_us: int) -> pd.DataFrame:
    """Opens and closes per bucket of the range since..until, empty buckets included: `at` and `end`
    bound a bucket, and `open` is how many listeners were open at its end."""
    if filters.since is None or filters.until is None:
        raise ValueError("A turnover needs a range.")
    first = filters.since // bucket_us
    buckets = pd.Index(range(first, filters.until // bucket_us + 1), dtype="int64") * bucket_us
    frame = frame_of(connection, queries.turnover(filters, bucket_us)).set_index("bucket")
    frame = frame.reindex(buckets, fill_value=0).astype("int64")
    before = number(connection, queries.open_at(filters, filters.since - 1))
    frame["open"] = before + (frame["opened"] - frame["closed"]).cumsum()
    frame.insert(0, "at", times(buckets.to_series()))
    frame.insert(1, "end", times(buckets.to_series() + bucket_us))
    return frame.reset_index(drop=True)


def lives(
    connection: sqlite3.Connection, filters: Filters, since: int, until: int
) -> tuple[pd.DataFrame, int]:
    """The lives that overlap a range, the latest `limit` of them, and how many there are."""
    frame = frame_of(connection, queries.lives(filters, since, until))
    total = int(frame["total"].iloc[0]) if len(frame) else 0
    frame["opened_at"] = times(frame["opened_at"])
    frame["closed_at"] = times(frame["closed_at"])
    frame["pid"] = frame["pid"].astype("Int64")
    frame["process"] = owners(frame)
    return frame.drop(columns="total"), total


def intervals(pairs: list[tuple[int, int]]) -> pd.DataFrame:
    """Pairs of times as a frame with `start` and `end`."""
    frame = pd.DataFrame(pairs, columns=["start", "end"], dtype="int64")
    return frame.apply(times)
