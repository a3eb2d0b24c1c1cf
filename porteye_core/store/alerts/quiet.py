"""Quiet windows: the file alerts.toml says them, the alerts process keeps them for the page."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from porteye_core.store.alerts.kept_texts import keep_text, kept_text

MONDAY, SUNDAY = 0, 6
EVERY_DAY = frozenset(range(MONDAY, SUNDAY + 1))
_NAME = "quiet windows"


@dataclass(frozen=True, slots=True)
class Quiet:
    """A window of local time that comes again: on the days, by `weekday`, on which it begins.

    begin, end: minutes of the day; an end before the begin is that of the next day.
    """

    begin: int
    end: int
    days: frozenset[int] = EVERY_DAY

    def contains(self, moment: datetime) -> bool:
        """Tell that a local time is within the window; it ends just before its end.

        >>> Quiet(23 * 60, 60, frozenset({SUNDAY})).contains(datetime(2026, 11, 30, 0, 59))
        True
        """
        minute = moment.hour * 60 + moment.minute
        yesterday = (moment - timedelta(days=1)).weekday()
        if self.begin < self.end:
            return moment.weekday() in self.days and self.begin <= minute < self.end
        return (moment.weekday() in self.days and minute >= self.begin) or (
            yesterday in self.days and minute < self.end
        )


def set_quiet(connection: sqlite3.Connection, windows: Sequence[Quiet], now: int) -> None:
    """Keep the windows that are in force from now on."""
    rows = [[each.begin, each.end, sorted(each.days)] for each in windows]
    keep_text(connection, _NAME, json.dumps(rows), now)


def quiet_windows(connection: sqlite3.Connection) -> list[Quiet]:
    """The windows that are in force."""
    kept = kept_text(connection, _NAME)
    rows = json.loads(kept.text) if kept else []
    return [Quiet(begin, end, frozenset(days)) for begin, end, days in rows]
