"""The question of a command: the database, the moment, the zone, and the form of the answer."""

import os
import time
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from porteye_core import config, filters, time_words
from porteye_core.errors import FilterError
from porteye_core.model import Filters
from porteye_core.system.local_zone import local_zone


@dataclass(frozen=True, slots=True)
class Question:
    """A question at the moment `now`, in microseconds since the epoch."""

    db: Path
    now: int
    zone: ZoneInfo
    alerts_file: Path  # the alerts database
    is_json: bool = False
    expected: Path | None = None  # the file that is named

    @classmethod
    def of(cls, given: Namespace, environ: Mapping[str, str] = os.environ) -> "Question":
        """The question of a command line; raises ConfigError."""
        named = {each: getattr(given, each, None) for each in ("db", "expected", "alerts_db")}
        # These commands ask of one machine, also where PORTEYE_FLEET is set for others.
        settings = replace(config.load(named, environ), fleet="")
        return cls(
            settings.db,
            time.time_ns() // 1000,
            local_zone(environ),
            settings.alerts_file,
            getattr(given, "json", None) is True,  # that of export is the name of a file
            settings.expected,
        )

    def moment(self, field: str, text: str) -> int:
        """A time in words that is over; raises FilterError."""
        at = time_words.moment(text, self.now, self.zone, field)
        if at > self.now:
            raise FilterError(field, f"“{text[:40]}” has not come yet.", "Use a time that is over.")
        return at

    def filters(self, given: Namespace) -> Filters:
        """The filters of a command line, as the API reads them; raises FilterError."""
        ports, protocol = filters.ports_and_protocol(given.port, filters.protocol(given.protocol))
        return Filters(
            ports=ports,
            process=filters.process(given.process),
            protocol=protocol,
            since=self._time("since", given),
            until=self._time("until", given),
            exposure=filters.exposure(given.exposure),
            user=filters.user(given.user),
            home=filters.home(given.home),
            address=filters.address(given.address),
            kind=filters.kind(getattr(given, "kind", "")),
            limit=getattr(given, "limit", Filters().limit),
        )

    @staticmethod
    def micros(text: str) -> int:
        """The time of a record."""
        at = filters.time("timestamp", text)
        assert at is not None  # every record has one
        return at

    def _time(self, field: str, given: Namespace) -> int | None:
        text = getattr(given, field, "")
        return time_words.moment(text, self.now, self.zone, field) if text else None
