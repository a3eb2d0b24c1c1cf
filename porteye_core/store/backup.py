"""A copy of the database while a monitor writes to it, checked before it gets its name."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from porteye_core.errors import StoreError
from porteye_core.store import migrations
from porteye_core.store.bounds import is_late
from porteye_core.store.files import give_to_caller
from porteye_core.store.reader import open_unchecked

# 1 MiB with pages of 4 KiB: between two steps a signal is heard.
_PAGES = 256
# SQLite's steps between two looks for a signal, some tenths of a second.
_STEPS = 10_000_000
# The copy is synced as a whole, and thrown away if anything fails: it needs no journal.
_COPY = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
_HELD = """
SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM listener),
    (SELECT max(seen_at) FROM watch)
"""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a copy holds; `size` in bytes, `newest`: until when somebody watched, in microseconds,
    None if nobody has yet."""

    events: int
    listeners: int
    size: int
    newest: int | None


def back_up(db: Path, target: Path) -> Backup:
    """Copy one moment of the database to a new file; what it holds.

    Raises StoreMissing, StoreNewer or StoreError, and then nothing is left behind.
    """
    if os.path.lexists(target):
        raise _exists(target)
    try:
        with _unfinished(target) as copy:
            marks = _copy(db, copy, target)
            backup = _checked(db, copy, marks)
            _sync(copy)
            _name(copy, target)
        if os.name != "nt":  # Windows opens no folders
            _sync(target.parent)
    except FileExistsError as err:  # made by somebody else meanwhile
        raise _exists(target) from err
    except OSError as err:
        raise StoreError(
            f"The backup {target} cannot be written: {err.strerror}.",
            "Choose a folder that is there, may be written to and has room.",
        ) from err
    return backup


def _exists(target: Path) -> StoreError:
    return StoreError(f"{target} exists already.", "A backup overwrites nothing: give a new name.")


@contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """A new file beside the target, for its owner alone; what has not been renamed is deleted."""
    fd, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    try:
        give_to_caller(fd)
    finally:
        os.close(fd)
    copy = Path(name)
    try:
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _copy(db: Path, copy: Path, target: Path) -> tuple[int, int]:
    """Copy page by page; returns the application id and schema of what was copied.

    The open transaction keeps the pages as they were at its beginning: a write of the monitor
    neither waits nor makes the copy begin anew.
    """
    with open_unchecked(db) as source, closing(sqlite3.connect(copy)) as sink:
        marks = _marks(source)
        if marks[0] != migrations.APPLICATION_ID:
            raise StoreError(f"{db} is no PortEye database.", "Give the right one with --db.")
        migrations.check_not_newer(marks[1])
        try:
            sink.executescript(_COPY)
            source.backup(sink, pages=_PAGES, progress=_hear)
        except sqlite3.Error as err:
            raise StoreError(
                f"The backup {target} could not be made: {err}.", "Nothing is kept of it."
            ) from err
    return marks


def _hear(*_: int) -> None:
    """Between two steps Python delivers signals."""


def _checked(db: Path, copy: Path, marks: tuple[int, int]) -> Backup:
    """What the copy holds; raises StoreError if it is not whole."""
    # Immutable: no file beside it is made, and its own header says that it has none.
    uri = f"{copy.absolute().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.set_progress_handler(lambda: None, _STEPS)
        try:
            flaw = _flaw(connection) or (_marks(connection) != marks and "its header differs")
            if flaw:
                raise _damaged(db, flaw)
            events, listeners, newest = connection.execute(_HELD).fetchone()
            return Backup(events, listeners, copy.stat().st_size, newest)
        except sqlite3.Error as err:
            if is_late(err):  # a signal came: KeyboardInterrupt does not pass through SQLite
                raise KeyboardInterrupt from err
            raise _damaged(db, str(err)) from err


def _flaw(connection: sqlite3.Connection) -> str | None:
    found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        return str(found).replace("\n", " ")
    row = connection.execute("PRAGMA foreign_key_check").fetchone()
    return f"a row of {row[0]} refers to none of {row[2]}" if row else None


def _damaged(db: Path, flaw: str) -> StoreError:
    return StoreError(
        f"The copy of {db} did not pass its check: {flaw}.",
        "Nothing is kept of it; keep the backups that you have.",
    )


def _marks(connection: sqlite3.Connection) -> tuple[int, int]:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    return int(application), migrations.version(connection)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _name(copy: Path, target: Path) -> None:
    """Rename without overwriting; raises FileExistsError."""
    if os.name == "nt":
        copy.rename(target)  # refuses where there is one
        return
    with suppress(PermissionError, NotImplementedError):
        target.hardlink_to(copy)
        return
    # A file system without links (FAT): an empty file of ours keeps the name for an instant.
    target.touch(0o600, exist_ok=False)
    copy.replace(target)
