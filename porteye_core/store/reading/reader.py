"""A Reader: each question to one moment of the database by its name."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from porteye_core.model import Filters
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading import (
    event_frame,
    event_total,
    monitor_usage,
    open_frames,
    reachable,
    timeline,
    timeline_rows,
    usage,
    watches,
)
from porteye_core.store.reading import status as statuses
from porteye_core.store.reading.coverage import MomentCoverage
from porteye_core.store.reading.file_reader import FileReader
from porteye_core.store.reading.timeline_rows import Rows, Shape


@contextmanager
def open_reader(db: Path) -> Iterator["Reader"]:
    """A Reader for one page or request; all that it answers is of one moment.

    Raises StoreMissing, StoreOlder, StoreNewer, StoreDamaged, StoreSlow if a question takes longer
    than authorizer.MAX_QUERY_TIME, or StoreError.
    """
    with open_connection(db) as connection:
        yield Reader(connection, partial(statuses.status, connection, db))


class Reader(FileReader):
    """A FileReader that also answers by frames, which pandas makes."""

    # What listens.

    def open_now(self, filters: Filters, now: int, closed_since: int | None = None) -> pd.DataFrame:
        """The listeners that are open, by port, and those that closed from `closed_since` on; see
        open_frames."""
        return open_frames.open_now(self._connection, filters, now, closed_since)

    def open_at(self, filters: Filters, at: int, coverage: MomentCoverage) -> pd.DataFrame:
        """The listeners that were open at a moment; `coverage`: coverage_at of the same moment."""
        return open_frames.open_at(self._connection, filters, at, coverage)

    # Events.

    def events(
        self, filters: Filters, before: int | None = None, after: int | None = None
    ) -> pd.DataFrame:
        """The newest events, at most `limit` of them; of those before the event of an id, or the
        oldest of those after one. See event_frame.history."""
        return event_frame.history(self._connection, filters, before, after)

    def event_count(self, filters: Filters) -> int:
        """The number of events that the filters let through, whatever `limit` says."""
        return event_total.event_total(self._connection, filters)

    # Time.

    def timeline_rows(
        self, filters: Filters, since: int, until: int, zone: ZoneInfo, shape: Shape
    ) -> Rows | None:
        """The rows of the timeline of since..until, None if no listener was open in it."""
        return timeline_rows.rows(self._connection, filters, since, until, zone, shape)

    def timeline(
        self, filters: Filters, since: int, until: int, zone: ZoneInfo, rows: Rows
    ) -> timeline.Timeline:
        """The timeline of since..until; `rows`: timeline_rows of the same range."""
        return timeline.timeline(self._connection, filters, since, until, zone, rows)

    def surface(self, filters: Filters, since: int, until: int, events: int) -> reachable.Surface:
        """The listeners that other machines could reach in since..until, with each step; events:
        how many the range has."""
        return reachable.surface(self._connection, filters, since, until, events)

    def open_count(self, filters: Filters, at: int) -> tuple[int, int]:
        """The number of listeners that were open at a moment, and of those that were reachable."""
        return reachable.open_count(self._connection, filters, at)

    # The monitor.

    def watches(
        self, since: int, until: int, now: int, limit: int, state: statuses.State
    ) -> watches.WatchTables:
        """The watches and gaps that a range overlaps; `state` is that of the monitor now."""
        found = self.watched(watching=state is statuses.State.WATCHING)
        return watches.watches(self._connection, found, since, until, now, limit, state)

    def losses(self, since: int, until: int) -> tuple[pd.DataFrame, bool]:
        """The times at which kernel records were found lost; see watches.losses."""
        return watches.losses(self._connection, since, until)

    def monitor_usage(self, since: int, until: int, interval: int) -> monitor_usage.MonitorUsage:
        """The monitor's own CPU, memory and scan time; `interval` is that of sampling."""
        return monitor_usage.monitor_usage(self._connection, since, until, interval)

    # One listener.

    def usage(self, listener_id: int, since: int, until: int) -> pd.DataFrame:
        """The CPU, memory, clients and queue of a listener over a range; see usage."""
        return usage.usage(self._connection, listener_id, since, until)
