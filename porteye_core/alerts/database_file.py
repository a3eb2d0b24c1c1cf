"""The file of the database, and whether it has changed since it was last looked at.

Two calls of stat(2) cost some microseconds, and to open a database costs a thousand times as much.
"""

import os
import time
from pathlib import Path

# The kernel stamps a file with the time of its latest timer tick: a second write within the same
# one may leave the stamp as it is, so that a young stamp proves nothing.
_YOUNG_NS = 100_000_000


class DatabaseFile:
    """A database and its log, which may be written, replaced or missing."""

    def __init__(self, db: Path) -> None:
        self._names = str(db), f"{db}-wal"
        self._state: tuple[object, ...] | None = None

    def has_changed(self) -> bool:
        """Tell that it may have been written to since the last call."""
        now = time.time_ns()
        state = tuple(_state(name) for name in self._names)
        if state == self._state:
            return False
        is_young = any(found is not None and now - found[1] < _YOUNG_NS for found in state)
        self._state = None if is_young else state
        return True

    def forget(self) -> None:
        """Take it for changed at the next call, whatever it is."""
        self._state = None

    @property
    def identity(self) -> str:
        """A text that another file of the same name does not have; empty without a file."""
        try:
            found = os.stat(self._names[0])  # noqa: PTH116 - as below
        except OSError:
            return ""
        return f"{found.st_dev}:{found.st_ino}"


def _state(name: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(name)  # noqa: PTH116 - a Path takes as long again, each second
    except OSError:
        return None
    # To read a database without a log makes an empty one for that time.
    return (found.st_ino, found.st_mtime_ns, found.st_size) if found.st_size else None
