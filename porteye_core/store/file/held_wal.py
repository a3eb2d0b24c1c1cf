"""Readers that keep the WAL of the database from being emptied, so that it grows without end.

SQLite writes the WAL back as far as the oldest open reader allows, and begins it anew when no
reader needs it. A monitor cannot end a reader: it reports the reader's process if that is known.
"""

import logging
import os
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from porteye_core.model import Limitation
from porteye_core.store.file.ownership import beside

log = logging.getLogger("porteye")

_EVERY = 1_000_000  # microseconds between two checks of the WAL
# Page and API read for 5 s at most.
_PATIENCE = 10_000_000
_STEP_MB = 10  # growth of the WAL after which the limitation has its new size
# The kernel lists a line of 60 bytes for each lock on the machine; a longer list is not searched.
# A reader of SQLite locks one byte of five of the index (sqlite.org/walformat.html).
_LOCKS, _MAX_LOCKS = Path("/proc/locks"), 1_000_000
_FIRST, _LAST = 123, 127
_MAX_PIDS = 10


@dataclass(slots=True)
class _Hold:
    """A WAL that could not be written back completely.

    since, elapsed: wall and elapsed time of its first check. size: megabytes. pids: processes that
    had the index locked at every check.
    """

    since: int
    elapsed: int
    size: int
    pids: frozenset[int]
    is_reported: bool = False


class HeldWal:
    """Check of the WAL of the writer's database, once a second."""

    def __init__(self, connection: sqlite3.Connection, db: Path, largest: int) -> None:
        """`largest`: bytes that SQLite leaves of the WAL when it begins it anew."""
        self._connection = connection
        self._largest = largest
        self._log, self._index = beside(db)
        self._checked: int | None = None  # elapsed
        self._hold: _Hold | None = None

    @property
    def is_held(self) -> bool:
        """True while a reader keeps the WAL from being emptied: each write makes it larger."""
        return self._hold is not None

    @property
    def limit(self) -> Limitation | None:
        """Present limitation."""
        return _limit(self._hold) if self._hold and self._hold.is_reported else None

    def check(self, now: int, elapsed: int) -> Limitation | None:
        """Check the WAL; return the limitation to store when a reported hold has ended.

        Raises sqlite3.Error.
        """
        if self._checked is not None and elapsed - self._checked < _EVERY:
            return None
        self._checked = elapsed
        try:
            size = self._log.stat().st_size
        except OSError:  # deleted: the next write notices it
            return None
        if size <= self._largest:
            return self._end(now)
        # As far as readers allow, without waiting for them: each write tries the same.
        _, frames, done = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if done < frames:
            self._note(now, elapsed, size // 1_000_000)
        return None

    def _note(self, now: int, elapsed: int, size: int) -> None:
        hold = self._hold
        if hold is None:
            self._hold = _Hold(now, elapsed, size, _pids(self._index))
            return
        hold.pids &= _pids(self._index)
        if elapsed - hold.elapsed >= _PATIENCE and not hold.is_reported:
            hold.is_reported, hold.size = True, size
            limit = _limit(hold)
            log.warning("%s %s", limit.text, limit.hint)
        if size >= hold.size + _STEP_MB:
            hold.size = size

    def _end(self, now: int) -> Limitation | None:
        hold, self._hold = self._hold, None
        if hold is None or not hold.is_reported:
            return None
        return Limitation(
            "log_held",
            f"From {_time(hold.since)} to {_time(now)} readers kept the WAL of the database (-wal)"
            f" from being emptied: it grew to {hold.size:,} MB.",
        )


def _limit(hold: _Hold) -> Limitation:
    return Limitation(
        "log_held",
        f"Since {_time(hold.since)} or earlier, readers have kept the WAL of the database (-wal)"
        f" from being emptied: it has {hold.size:,} MB and grows.",
        _hint(hold.pids),
    )


def _hint(pids: frozenset[int]) -> str:
    named = ", ".join(str(pid) for pid in sorted(pids)[:_MAX_PIDS])
    return f"End the readers: pid {named}." if named else "End the readers."


def _pids(index: Path) -> frozenset[int]:
    """Processes that read the database, by their locks; empty if the kernel does not list them.

    The index itself must not be opened: closing it would drop the locks of this process.
    """
    with suppress(OSError, ValueError):
        found = index.stat()
        device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}"
        with _LOCKS.open("rb") as locks:
            text = locks.read(_MAX_LOCKS)
        if len(text) < _MAX_LOCKS:
            return frozenset(_readers(text.decode("ascii"), f"{device}:{found.st_ino}"))
    return frozenset()


def _readers(locks: str, file: str) -> list[int]:
    """Pids of the processes that have a reader's lock on a file; see proc_locks(5)."""
    found = []
    for line in locks.splitlines():
        words = line.split()
        if len(words) != 8 or words[1] != "POSIX" or words[5] != file or words[7] == "EOF":
            continue  # a process that waits for a lock has a ninth word
        pid, first, last = int(words[4]), int(words[6]), int(words[7])
        if pid > 0 and pid != os.getpid() and _FIRST <= first <= last <= _LAST:
            found.append(pid)
    return found


def _time(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1e6, UTC):%Y-%m-%d %H:%M:%S} UTC"
