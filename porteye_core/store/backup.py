"""A copy of the database while a monitor writes to it, checked before it gets its name.

SQLite opens the copy by its path, which may lead elsewhere in a folder where others can exchange
names. There the copy is made in a private folder first, and then written through a descriptor.
"""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from porteye_core.errors import StoreError
from porteye_core.store import migrations
from porteye_core.store.bounds import is_late
from porteye_core.store.connection import open_unchecked
from porteye_core.store.files import give_to_caller
from porteye_core.store.folder import Folder

# 1 MiB with pages of 4 KiB: between two steps a signal is heard.
_PAGES = 256
# Bytes that are written at once.
_PIECE = 1 << 20
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
    folder = Folder.of(target.parent)
    try:
        if folder.is_own:
            with _unfinished(target) as copy:
                backup = _copied(db, copy, target)
                _sync(copy)
                _rename(copy, target)
            if os.name != "nt":  # Windows opens no folders
                _sync(target.parent)
        else:
            with folder.opened() as place, _private_copy(target) as copy:
                backup = _copied(db, copy, target)
                _hand_over(copy, place, target)
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
def _private_copy(target: Path) -> Iterator[Path]:
    """A new file in a temporary folder that is this user's alone, deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="porteye-") as name:
        private = Path(name)
        if not Folder.of(private).is_own:
            raise StoreError(
                f"Other users may exchange what is in {private.parent}.",
                "Set TMPDIR to a folder of your own, or back up to one.",
            )
        copy = private / target.name
        copy.touch(0o600, exist_ok=False)
        yield copy


def _hand_over(copy: Path, place: int, target: Path) -> None:
    """Write the copy into the folder of the descriptor `place`, under the name of the target.

    Raises FileExistsError, OSError, or StoreError if somebody exchanged the file meanwhile.
    """
    part = f".{target.name}.{os.urandom(8).hex()}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(part, flags, 0o600, dir_fd=place)
    try:
        with copy.open("rb") as source, open(fd, "wb", closefd=False) as sink:
            while piece := source.read(_PIECE):
                sink.write(piece)
        os.fsync(fd)
        give_to_caller(fd)
        _name(part, target.name, place)
        named = os.stat(target.name, dir_fd=place, follow_symlinks=False)
        if not os.path.samestat(named, os.fstat(fd)):
            raise StoreError(
                f"Somebody exchanged {target} while it was made: it is not the backup.",
                "Back up to a folder that nobody else may write to.",
            )
        os.fsync(place)
    finally:
        os.close(fd)
        with suppress(OSError):
            os.unlink(part, dir_fd=place)


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


def _copied(db: Path, copy: Path, target: Path) -> Backup:
    """Copy the database to this file, and check it. Raises StoreError."""
    marks = _copy(db, copy, target)
    return _checked(db, copy, marks)


def _copy(db: Path, copy: Path, target: Path) -> tuple[int, int]:
    """Copy page by page; returns the application id and schema of what was copied.

    The open transaction keeps the pages as they were at its beginning: a write of the monitor
    neither waits nor makes the copy begin anew.
    """
    with ExitStack() as stack:
        with Folder.of(db.parent).rights():  # the first answer has opened all of its files
            source = stack.enter_context(open_unchecked(db))
            marks = _marks(source)
        sink = stack.enter_context(closing(sqlite3.connect(copy)))
        if marks[0] != migrations.APPLICATION_ID:
            raise StoreError(f"{db} is no PortEye database.", "Give the right one with --db.")
        migrations.check_not_newer(marks[1])
        try:
            sink.executescript(_COPY)
            source.backup(sink, pages=_PAGES, progress=_hear)
        except sqlite3.Error as err:
            raise StoreError(
                f"The backup {target} could not be made in {copy.parent}: {err}.",
                "Nothing is kept of it.",
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


def _rename(copy: Path, target: Path) -> None:
    """Rename without overwriting. Raises FileExistsError."""
    if os.name == "nt":
        copy.rename(target)  # refuses where there is one
        return
    place = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _name(copy.name, target.name, place)
    finally:
        os.close(place)


def _name(part: str, name: str, place: int) -> None:
    """Give a file of this folder another name without overwriting. Raises FileExistsError."""
    with suppress(PermissionError, NotImplementedError):
        os.link(part, name, src_dir_fd=place, dst_dir_fd=place, follow_symlinks=False)
        return
    # A file system without links (FAT): an empty file of ours keeps the name for an instant.
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=place))
    os.replace(part, name, src_dir_fd=place, dst_dir_fd=place)
