"""The listeners that are open now, or were open at a moment, as frames."""

import pandas as pd

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.reading.coverage import MomentCoverage
from porteye_core.store.reading.listener_frames import describe, frame_of
from porteye_core.store.reading.listener_rows import times
from porteye_core.store.reading.open_listeners import (
    MEASURED,
    certainty_of,
    open_at_question,
    open_now_question,
    other_ends,
)
from porteye_core.store.reading.published import published


def open_now(
    connection: engine.Connection, filters: Filters, now: int, closed_since: int | None = None
) -> pd.DataFrame:
    """The listeners that are open, by port; and those that closed since a time, if one is given.

    cpu is in percent of one core, memory in bytes, age in seconds; `process` names the reason
    where the owner is not known, `exposure` in words who may come, `home` the unit or container;
    `unseen`: it can no longer be looked for, so that it may have closed; `leads_to`: of the host's
    end of a published port the id of the container's, which `is_other_end` where the filters leave
    it out.
    """
    both = published(connection)
    others = other_ends(connection, filters, both)
    question = open_now_question(filters, now, closed_since, also=others)
    frame = _measured(frame_of(connection, question))
    ids = frame["id"].tolist()
    frame["leads_to"] = pd.Series([both.leads_to.get(each) for each in ids], dtype="object")
    frame["is_other_end"] = frame["id"].isin(others)
    frame["since"] = times(frame.pop("opened_at"))
    frame["age"] = (pd.Timestamp(now, unit="us", tz="UTC") - frame["since"]).dt.total_seconds()
    frame["closed_at"] = times(frame["closed_at"])
    frame["closed"] = frame["closed_at"].notna()
    frame["unseen"] = frame["unseen_at"].notna() & ~frame["closed"]
    return describe(frame)


def open_at(
    connection: engine.Connection, filters: Filters, at: int, coverage: MomentCoverage
) -> pd.DataFrame:
    """The listeners that were open at a moment, by port, with their owners of then; `certainty`
    says in words what could not be known.

    If nobody watched then, those that were found open afterwards may have been, too.
    """
    frame = _measured(frame_of(connection, open_at_question(filters, at, coverage)))
    stored = frame[["opened_at", "closed_at", "closed_seen", "unseen_at"]].astype(object)
    frame["certainty"] = [
        certainty_of(row, at, coverage)
        for row in stored.where(stored.notna(), None).to_dict("records")
    ]
    if coverage.gap is not None:  # what it used then is not known either
        frame[MEASURED] = pd.NA
    frame["since"] = times(frame["opened_at"])
    return describe(frame)


def _measured(frame: pd.DataFrame) -> pd.DataFrame:
    frame["cpu"] = frame["cpu"].astype("Float64") / 100
    for column in ("pid", *MEASURED[1:]):
        frame[column] = frame[column].astype("Int64")
    return frame
