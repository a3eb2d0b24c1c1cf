"""Frames of listeners: their rows with times and words."""

import json

import pandas as pd

from porteye_core.exposure import Bound, exposure
from porteye_core.port_names import service
from porteye_core.store import engine
from porteye_core.store.reading.changes import Changes
from porteye_core.store.reading.coverage import Coverage
from porteye_core.store.reading.differences import COLUMNS
from porteye_core.store.reading.listener_rows import (
    Question,
    bound,
    home_name,
    owner_reason,
    owners,
    times,
    values,
)


def frame_of(connection: engine.Connection, question: Question) -> pd.DataFrame:
    """The answer to a question, a column for each of its columns."""
    cursor = connection.execute(*question)
    columns = [column[0] for column in cursor.description]
    return pd.DataFrame.from_records(map(tuple, cursor), columns=columns)


def chain(parents: object) -> str:
    """A process's parents, the nearest first."""
    if not isinstance(parents, str):  # the owner is not known
        return ""
    return " ← ".join(f"{up['name']} ({up['pid']})" for up in json.loads(parents))


def services(frame: pd.DataFrame) -> list[str]:
    """The well-known name of each row's port."""
    return [service(port, protocol) for port, protocol in values(frame, "port", "protocol")]


def bounds(frame: pd.DataFrame) -> list[Bound]:
    """The place that each row's socket is bound to."""
    columns = frame[list(Bound._fields)].astype(object)
    return [bound(*row) for row in values(columns.where(columns.notna(), None), *Bound._fields)]


def command_lines(frame: pd.DataFrame) -> list[str | None]:
    """Of an owner that ended at once only name and pid are known: the cell says why."""
    return [
        f"({owner_reason(hidden)})" if isinstance(name, str) and not line and hidden else line
        for name, line, hidden in values(frame, "title", "cmdline", "hidden")
    ]


def homes(frame: pd.DataFrame) -> list[str | None]:
    """The container, by its name, or the systemd unit that each process belongs to."""
    columns = "unit", "container", "container_name", "pod"
    return [home_name(*each) for each in values(frame, *columns)]


def describe(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame, with what a listener's row tells in words: `service`, `exposure`, `home`,
    `cmdline`, `process` and `parents`; `address` with the interface, as ss writes it."""
    found = bounds(frame)
    frame["service"] = services(frame)
    frame["address"] = [each.shown for each in found]
    frame["exposure"] = [exposure(each).value for each in found]
    frame["home"] = homes(frame)
    frame["cmdline"] = command_lines(frame)
    frame["process"] = owners(frame)
    frame["parents"] = [chain(text) for text in frame["parents"]]
    return frame


def gap_frame(of: Coverage) -> pd.DataFrame:
    """The gaps of a range with the columns `start` and `end`."""
    frame = pd.DataFrame(of.gaps, columns=["start", "end"], dtype="int64")
    return frame.assign(start=times(frame["start"]), end=times(frame["end"]))


def changes_frame(of: Changes) -> pd.DataFrame:
    """The changes with the columns of differences.COLUMNS."""
    return pd.DataFrame(of.rows, columns=list(COLUMNS)).astype({"port": "Int64"})
