"""The file of expected ports that is in force: the last good one, while the newest is wrong."""

import os
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from porteye_core.errors import ExpectedError
from porteye_core.judging import expected_file
from porteye_core.judging.judge import Judge

_Stamp = tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class InForce:
    """The judge by the last good file, None if there is none; error: why the newest file is not in
    force, empty if it is, or if there is no file."""

    judge: Judge | None = None
    error: str = ""


class WatchedFile:
    """A file of expected ports that is read again when it has changed; named: None for the places
    where it usually stands."""

    def __init__(self, named: Path | None, db: Path) -> None:
        self._named, self._db = named, db
        self._lock = threading.Lock()
        self._stamp: _Stamp | None = None
        self._found = InForce()

    def in_force(self) -> InForce:
        """The file that counts now."""
        with self._lock:
            try:
                file = expected_file.find(self._named, self._db)
                stamp = _stamp(file)
            except (ExpectedError, OSError) as err:
                self._stamp = None
                self._found = self._without(err)
                return self._found
            if stamp != self._stamp:
                self._stamp = stamp
                self._found = self._read(file)
            return self._found

    def _without(self, err: ExpectedError | OSError) -> InForce:
        """Without a file nothing is judged, but a file that was named should be there."""
        if self._named is None:
            return InForce()
        return InForce(self._found.judge, str(err))

    def _read(self, file: Path) -> InForce:
        try:
            return InForce(Judge(expected_file.read(file)))
        except ExpectedError as err:
            return InForce(self._found.judge, str(err))


@cache
def watched_file(named: Path | None, db: Path) -> WatchedFile:
    """The file of this process, which all pages and requests share."""
    return WatchedFile(named, db)


def _stamp(file: Path) -> _Stamp:
    """All that an editor changes when it saves a file."""
    found = os.stat(file)  # noqa: PTH116 - the same call for every kind of file
    return str(file), found.st_mtime_ns, found.st_size, found.st_ino
