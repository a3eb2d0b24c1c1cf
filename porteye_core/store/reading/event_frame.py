"""The events that filters let through, as a frame."""

import pandas as pd

from porteye_core.model import Filters, Precision
from porteye_core.store import engine
from porteye_core.store.reading import events
from porteye_core.store.reading.listener_frames import describe, frame_of
from porteye_core.store.reading.listener_rows import times

# Several monitors may have watched from the first moment on, on one machine each.
_FIRST_WATCHES = "SELECT min(started_at) FROM watch GROUP BY host_id"


def history(
    connection: engine.Connection,
    filters: Filters,
    before: int | None = None,
    after: int | None = None,
) -> pd.DataFrame:
    """The events that the filters let through, at most `limit` of them, the newest first: the
    newest of those before the event of an id, or the oldest of those after one.

    `is_first`: the listener was there already when the first watch of its machine began.
    """
    ids = events.ids(connection, filters, before, after)
    frame = frame_of(connection, events.of_ids(ids))
    began = [at for (at,) in connection.execute(_FIRST_WATCHES)]
    frame["is_first"] = (frame["seen"] == Precision.GAP) & frame["at"].isin(began)
    frame["at"] = times(frame["at"])
    frame["pid"] = frame["pid"].astype("Int64")
    frame["parents"] = None
    return describe(frame)
