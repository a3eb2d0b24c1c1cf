"""The file of expected ports that is in force: the last good one, while the newest is wrong.

A file that was named and is gone is as one that is wrong. One that was not named is in force no
more when it is gone. The alerts process has the same rule, see alerts.kept_file.
"""

import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from porteye_core.config import Config
from porteye_core.errors import ExpectedError, StoreError
from porteye_core.judging import expected_file
from porteye_core.judging.judge import Judge, Judges
from porteye_core.store import alerts
from porteye_core.store.alerts import KeptText
from porteye_core.system.clock import SystemClock
from porteye_core.system.host_name import host_name
from porteye_core.toml_files.reading import stamp_of


@dataclass(frozen=True, slots=True)
class InForce:
    """The judges by the last good file, None if there is none; error: why the newest file is not in
    force, empty if it is, or if there is no file."""

    judges: Judges | None = None
    error: str = ""

    @property
    def judge(self) -> Judge | None:
        """The judge of this machine."""
        return self.on(host_name())

    def on(self, host: str) -> Judge | None:
        """The judge of the host of this name."""
        return None if self.judges is None else self.judges.on(host)


class WatchedFile:
    """A file of expected ports that is read again when it has changed; named: None for the places
    where it usually stands. alerts_db: has the last good text from before this process."""

    def __init__(self, named: Path | None, db: Path, alerts_db: Path) -> None:
        self._named, self._db, self._alerts_db = named, db, alerts_db
        self._lock = threading.Lock()
        self._clock = SystemClock()
        self._stamp: tuple[object, ...] | None = None
        self._found = InForce()
        self._since = 0  # the judge is that of this time

    def in_force(self) -> InForce:
        """The file that counts now."""
        with self._lock:
            try:
                file = expected_file.find(self._named, self._db)
            except ExpectedError as err:
                stamp: tuple[object, ...] = ("gone",)
                if stamp != self._stamp:
                    self._found = self._without(err)
            else:
                stamp = stamp_of(file)
                if stamp != self._stamp:
                    self._found = self._read(file)
            self._stamp = stamp
            return self._found

    def _without(self, err: ExpectedError) -> InForce:
        """Without a file nothing is judged, but a file that was named should be there."""
        if self._named is not None:
            return self._last_good(err)
        self._since = self._clock.now()
        return InForce()

    def _read(self, file: Path) -> InForce:
        try:
            found = InForce(Judges(expected_file.read(file)))
        except ExpectedError as err:
            return self._last_good(err)
        self._since = self._clock.now()
        return found

    def _last_good(self, err: ExpectedError) -> InForce:
        """The file that this process has read, or the alerts process since then."""
        kept = self._kept()
        if kept is not None and kept.at > self._since:
            try:
                judges = Judges(expected_file.parse(kept.text, Path(expected_file.NAME)))
            except ExpectedError:  # of a later version
                pass
            else:
                self._since = kept.at
                return InForce(judges, str(err))
        return InForce(self._found.judges, str(err))

    def _kept(self) -> KeptText | None:
        try:
            with alerts.open_to_read(self._alerts_db) as connection:
                return alerts.kept_text(connection, expected_file.NAME)
        except StoreError:
            return None


@cache
def watched_file(named: Path | None, db: Path, alerts_db: Path) -> WatchedFile:
    """The file of this process, which all pages and requests share."""
    return WatchedFile(named, db, alerts_db)


def in_force(config: Config) -> InForce:
    """The file that counts now by these settings."""
    return watched_file(config.expected, config.db, config.alerts_file).in_force()
