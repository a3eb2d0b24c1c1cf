"""What opened and closed, as a frame."""

import pandas as pd

from porteye_core.model import Filters
from porteye_core.store import engine, search
from porteye_core.store.frames.columns import (
    bounds,
    command_lines,
    frame_of,
    owners,
    services,
    times,
)


def history(
    connection: engine.Connection, filters: Filters, before: int | None = None
) -> pd.DataFrame:
    """The newest events that the filters let through, at most `limit` of them; `before` is the id
    of an event: only older ones."""
    frame = frame_of(connection, search.newest_question(connection, filters, before))
    frame["at"] = times(frame["at"])
    frame["pid"] = frame["pid"].astype("Int64")
    frame["service"] = services(frame)
    frame["address"] = [each.shown for each in bounds(frame)]
    frame["cmdline"] = command_lines(frame)
    frame["process"] = owners(frame)
    return frame


def newest_id(connection: engine.Connection) -> int:
    """Return the id of the newest event, 0 if there is none."""
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM event").fetchone()[0])
