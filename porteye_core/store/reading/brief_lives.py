"""The listeners that opened and closed within a time: a line for each program and port, however
often it did so."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.reading.differences import COLUMNS, Change
from porteye_core.store.reading.listener_rows import (
    Question,
    describe,
    frame_of,
    from_tables,
    matching,
    select_columns,
)
from porteye_core.store.tables.event_ids import EventIds

# Events that are read with their listeners in the time of a question.
_MOST_EVENTS = 10_000
# A program with more ports than that has them from the system: nobody asks for each.
_FEW_PORTS = 3
_TABLES = from_tables("event e JOIN listener l ON l.id = e.listener_id")
_UNUSED = ("inode", "holders_gone", "program_id", "family", "closed_seen", "opened_seen")


@dataclass(frozen=True, slots=True)
class BriefLives:
    """Rows with the columns of differences.COLUMNS; `is_cut`: only the newest events were read."""

    frame: pd.DataFrame
    is_cut: bool


def brief_lives(
    connection: engine.Connection, filters: Filters, since: int, until: int
) -> BriefLives:
    """The listeners that opened after `since` and had closed by `until`."""
    ids = EventIds(connection).between(since, until)
    low = max(ids.low, ids.high - _MOST_EVENTS + 1)
    where = matching(filters)
    question = Question(
        f"""
        SELECT {select_columns(but=_UNUSED)}
        FROM {_TABLES}
        WHERE e.id BETWEEN ? AND ? AND e.kind = 'opened'
            AND l.opened_at > ? AND l.closed_at <= ? AND {where.sql}
        ORDER BY l.id
        """,
        (low, ids.high, since, until, *where.parameters),
    )
    frame = describe(frame_of(connection, question))
    return BriefLives(_folded(frame), low > ids.low)


def _folded(frame: pd.DataFrame) -> pd.DataFrame:
    frame["length"] = frame["closed_at"] - frame["opened_at"]
    found = []
    for _, lives in frame.groupby(["protocol", "process", "exposure"], sort=False):
        if lives["port"].nunique() > _FEW_PORTS:
            found.append({**_row(lives), "port": None, "address": "", "service": ""})
        else:
            found += [_row(each) for _, each in lives.groupby("port")]
    return pd.DataFrame(found, columns=list(COLUMNS)).astype({"port": "Int64"})


def _row(lives: pd.DataFrame) -> dict[str, Any]:
    """One line for these; what they differ in is that of the last."""
    last = lives.to_dict("records")[-1]
    return {
        **{name: last[name] for name in ("port", "protocol", "process", "service", "id")},
        "change": Change.BRIEF,
        "exposure_was": "",
        "exposure_is": last["exposure"],
        "was": "",
        "is": "",
        "address": ", ".join(dict.fromkeys(lives["address"])),
        "openings": _said(lives),
        "certainty": "",
    }


def _said(lives: pd.DataFrame) -> str:
    """How often and for how long, as “240 openings, each about 2 s”."""
    count, ports = len(lives), lives["port"].nunique()
    typical = _length(int(lives["length"].median()))
    if count == 1:
        return f"1 opening of {typical}"
    on = f" on {ports:,} ports" if ports > _FEW_PORTS else ""
    return f"{count:,} openings{on}, each about {typical}"


def _length(micros: int) -> str:
    for unit, size in (("h", 3600), ("min", 60), ("s", 1)):
        if micros >= size * 1_000_000:
            return f"{round(micros / size / 1e6):,} {unit}"
    return f"{max(1, round(micros / 1000))} ms"
