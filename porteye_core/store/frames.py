"""Filters to DataFrames: the only pandas in the store. Times are UTC, to the microsecond."""

import json
import sqlite3
from typing import Any

import pandas as pd

from porteye_core.model import Filters, Hidden
from porteye_core.reasons import REASONS
from porteye_core.services import service
from porteye_core.store import queries
from porteye_core.store.queries import Question


def listening(connection: sqlite3.Connection, filters: Filters, now: int) -> pd.DataFrame:
    """What is open, by port: one row a listener.

    cpu is in percent of one core, memory in bytes, age in seconds; `process` names the reason
    where the owner is not known.
    """
    frame = _frame(connection, queries.listening(filters, now))
    frame["cpu"] = frame["cpu"].astype("Float64") / 100
    for column in ("pid", "rss", "clients", "queue", "backlog"):
        frame[column] = frame[column].astype("Int64")
    frame["since"] = _times(frame.pop("opened_at"))
    frame["age"] = (pd.Timestamp(now, unit="us", tz="UTC") - frame["since"]).dt.total_seconds()
    frame["service"] = _services(frame)
    frame["cmdline"] = _command_lines(frame)
    frame["process"] = _owners(frame)
    frame["parents"] = [_chain(text) for text in frame["parents"]]
    return frame


def history(connection: sqlite3.Connection, filters: Filters) -> pd.DataFrame:
    """The newest events that the filters let through, at most `limit` of them."""
    frame = _frame(connection, queries.history(filters))
    frame["at"] = _times(frame["at"])
    frame["pid"] = frame["pid"].astype("Int64")
    frame["service"] = _services(frame)
    frame["cmdline"] = _command_lines(frame)
    frame["process"] = _owners(frame)
    return frame


def event_count(connection: sqlite3.Connection, filters: Filters) -> int:
    """How many events the filters let through, whatever `limit` says."""
    return _number(connection, queries.event_count(filters))


def turnover(connection: sqlite3.Connection, filters: Filters, bucket_us: int) -> pd.DataFrame:
    """Opens and closes per bucket of the range since..until, empty buckets included: `at` and `end`
    bound a bucket, and `open` is how many listeners were open at its end."""
    if filters.since is None or filters.until is None:
        raise ValueError("A turnover needs a range.")
    first = filters.since // bucket_us
    buckets = pd.Index(range(first, filters.until // bucket_us + 1), dtype="int64") * bucket_us
    frame = _frame(connection, queries.turnover(filters, bucket_us)).set_index("bucket")
    frame = frame.reindex(buckets, fill_value=0).astype("int64")
    before = _number(connection, queries.open_at(filters, filters.since - 1))
    frame["open"] = before + (frame["opened"] - frame["closed"]).cumsum()
    frame.insert(0, "at", _times(buckets.to_series()))
    frame.insert(1, "end", _times(buckets.to_series() + bucket_us))
    return frame.reset_index(drop=True)


def lives(
    connection: sqlite3.Connection, filters: Filters, since: int, until: int
) -> tuple[pd.DataFrame, int]:
    """The lives that overlap a range, the latest `limit` of them, and how many there are."""
    frame = _frame(connection, queries.lives(filters, since, until))
    total = int(frame["total"].iloc[0]) if len(frame) else 0
    frame["opened_at"] = _times(frame["opened_at"])
    frame["closed_at"] = _times(frame["closed_at"])
    frame["pid"] = frame["pid"].astype("Int64")
    frame["process"] = _owners(frame)
    return frame.drop(columns="total"), total


def first_event_at(connection: sqlite3.Connection) -> int | None:
    """When the history begins, None if it is empty."""
    found: int | None = connection.execute("SELECT min(at) FROM event").fetchone()[0]
    return found


def intervals(pairs: list[tuple[int, int]]) -> pd.DataFrame:
    """Pairs of times as a frame with `start` and `end`."""
    frame = pd.DataFrame(pairs, columns=["start", "end"], dtype="int64")
    return frame.apply(_times)


def _frame(connection: sqlite3.Connection, question: Question) -> pd.DataFrame:
    cursor = connection.execute(*question)
    columns = [column[0] for column in cursor.description]
    return pd.DataFrame.from_records(map(tuple, cursor), columns=columns)


def _number(connection: sqlite3.Connection, question: Question) -> int:
    return int(connection.execute(*question).fetchone()[0])


def _times(micros: "pd.Series[Any]") -> "pd.Series[Any]":
    # astype, not to_datetime: through a float a time would lose its last digits.
    return micros.astype("Int64").astype("datetime64[us]").dt.tz_localize("UTC")


def _chain(parents: object) -> str:
    if not isinstance(parents, str):  # the owner is not known
        return ""
    return " ← ".join(f"{up['name']} ({up['pid']})" for up in json.loads(parents))


def _services(frame: pd.DataFrame) -> list[str]:
    return [
        service(port, protocol)
        for port, protocol in zip(frame["port"], frame["protocol"], strict=True)
    ]


def _owners(frame: pd.DataFrame) -> list[str]:
    return [
        name if isinstance(name, str) else _reason(hidden)
        for name, hidden in zip(frame["process"], frame["hidden"], strict=True)
    ]


def _command_lines(frame: pd.DataFrame) -> list[str | None]:
    """Of an owner that ended at once only name and pid are known: the cell says why."""
    return [
        f"({_reason(hidden)})" if isinstance(name, str) and not line and hidden else line
        for name, line, hidden in zip(
            frame["process"], frame["cmdline"], frame["hidden"], strict=True
        )
    ]


def _reason(hidden: object) -> str:
    return REASONS[Hidden(str(hidden))].short if hidden else ""
