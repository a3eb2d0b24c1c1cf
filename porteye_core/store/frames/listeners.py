"""What listens now, as a frame."""

import pandas as pd

from porteye_core.model import Filters
from porteye_core.store import engine, queries
from porteye_core.store.frames.columns import describe, frame_of, times


def listening(
    connection: engine.Connection, filters: Filters, now: int, closed_since: int | None = None
) -> pd.DataFrame:
    """What is open, by port: one row a listener; and what has closed since a time, if one is given.

    cpu is in percent of one core, memory in bytes, age in seconds; `process` names the reason
    where the owner is not known, `exposure` in words who may come, `home` the unit or container;
    `unseen`: it can no longer be looked for, so that it may have closed.
    """
    frame = frame_of(connection, queries.listening(filters, now, closed_since))
    frame["cpu"] = frame["cpu"].astype("Float64") / 100
    for column in ("pid", "rss", "clients", "queue", "backlog"):
        frame[column] = frame[column].astype("Int64")
    frame["since"] = times(frame.pop("opened_at"))
    frame["age"] = (pd.Timestamp(now, unit="us", tz="UTC") - frame["since"]).dt.total_seconds()
    frame["closed_at"] = times(frame["closed_at"])
    frame["closed"] = frame["closed_at"].notna()
    frame["unseen"] = frame["unseen_at"].notna() & ~frame["closed"]
    return describe(frame)
