"""Backup of the database while a monitor writes to it; the copy is checked before it gets its name.

SQLite opens a file by its path. In a folder where other users can exchange names a path may lead
elsewhere: the copy is then made in a private folder, and written to its place by descriptor.
"""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from porteye_core.errors import StoreError
from porteye_core.store.file import migrations
from porteye_core.store.file.authorizer import is_late
from porteye_core.store.file.connection import open_unchecked
from porteye_core.store.file.damage import flaw
from porteye_core.store.file.folder import Folder
from porteye_core.store.file.ownership import give_to_caller

# 1 MiB with pages of 4 KiB; signals are handled between two steps.
_PAGES = 256
_CHUNK = 1 << 20  # bytes of one write
# Steps of SQLite between two checks for a signal, some tenths of a second.
_STEPS = 10_000_000
# The copy is synced as a whole, and deleted on any failure: it needs no journal.
_COPY_PRAGMAS = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
_CONTENTS = """
SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM listener),
    (SELECT max(seen_at) FROM watch)
"""


@dataclass(frozen=True, slots=True)
class Backup:
    """Contents of a copy; size: bytes; newest: end of the last watch in microseconds, None if the
    database has no watch."""

    events: int
    listeners: int
    size: int
    newest: int | None


def back_up(db: Path, target: Path) -> Backup:
    """Copy one moment of the database to a new file, and return the contents of the copy.

    Raises StoreMissing, StoreNewer or StoreError; the unfinished copy is then deleted.
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
            with folder.opened() as folder_fd, _private_copy(target) as copy:
                backup = _copied(db, copy, target)
                _install(copy, folder_fd, target)
    except FileExistsError as err:  # another process made it meanwhile
        raise _exists(target) from err
    except OSError as err:
        raise StoreError(
            f"The backup {target} cannot be written: {err.strerror}.",
            "Choose an existing folder with free space and write permission.",
        ) from err
    return backup


def _exists(target: Path) -> StoreError:
    return StoreError(
        f"{target} exists already.", "A backup overwrites no file: choose a new name."
    )


@contextmanager
def _private_copy(target: Path) -> Iterator[Path]:
    """Make a new file in a temporary folder of this user alone; delete it at the end."""
    with tempfile.TemporaryDirectory(prefix="porteye-") as name:
        private = Path(name)
        if not Folder.of(private).is_own:
            raise StoreError(
                f"Other users may exchange files in {private.parent}.",
                "Set TMPDIR to a folder of your own, or back up to one.",
            )
        copy = private / target.name
        copy.touch(0o600, exist_ok=False)
        yield copy


def _install(copy: Path, folder: int, target: Path) -> None:
    """Write the copy into the folder of a descriptor, under the name of the target.

    Raises FileExistsError, OSError, or StoreError if another process exchanged the file meanwhile.
    """
    part = f".{target.name}.{os.urandom(8).hex()}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(part, flags, 0o600, dir_fd=folder)
    try:
        with copy.open("rb") as source, open(fd, "wb", closefd=False) as sink:
            while chunk := source.read(_CHUNK):
                sink.write(chunk)
        os.fsync(fd)
        give_to_caller(fd, target.parent)
        _rename_within(folder, part, target.name)
        installed = os.stat(target.name, dir_fd=folder, follow_symlinks=False)
        if not os.path.samestat(installed, os.fstat(fd)):
            raise StoreError(
                f"Another process exchanged {target} during the backup: it is not the backup.",
                "Back up to a folder that no other user may write to.",
            )
        os.fsync(folder)
    finally:
        os.close(fd)
        with suppress(OSError):
            os.unlink(part, dir_fd=folder)


@contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """Make a new file beside the target, private to its owner; delete it unless it was renamed."""
    fd, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    try:
        give_to_caller(fd, target.parent)
    finally:
        os.close(fd)
    copy = Path(name)
    try:
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _copied(db: Path, copy: Path, target: Path) -> Backup:
    """Copy the database to this file, check the copy and return its contents. Raises StoreError."""
    header = _copy(db, copy, target)
    return _checked(db, copy, header)


def _copy(db: Path, copy: Path, target: Path) -> tuple[int, int]:
    """Copy page by page; return the application id and the schema version.

    The open transaction keeps the pages of its start: the monitor's writes do not wait, and do not
    restart the copy.
    """
    with ExitStack() as stack:
        with Folder.of(db.parent).rights():  # the first statement opens all files of the database
            source = stack.enter_context(open_unchecked(db))
            header = _header(source)
        sink = stack.enter_context(closing(sqlite3.connect(copy)))
        if header[0] != migrations.APPLICATION_ID:
            raise StoreError(f"{db} is not a PortEye database.", "Name another one with --db.")
        migrations.check_not_newer(header[1])
        try:
            sink.executescript(_COPY_PRAGMAS)
            source.backup(sink, pages=_PAGES, progress=_let_signals_in)
        except sqlite3.Error as err:
            raise StoreError(
                f"The backup {target} could not be made in {copy.parent}: {err}.",
                "The unfinished copy was deleted.",
            ) from err
    return header


def _let_signals_in(*_: int) -> None:
    """Do nothing: Python handles signals whenever SQLite calls it."""


def _checked(db: Path, copy: Path, header: tuple[int, int]) -> Backup:
    """Check the copy and return its contents. Raises StoreError for a damaged copy."""
    # Immutable: SQLite makes no file beside the copy, whose header names no WAL.
    uri = f"{copy.absolute().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.set_progress_handler(lambda: None, _STEPS)
        try:
            found = _flaw(connection) or (_header(connection) != header and "its header differs")
            if found:
                raise _damaged(db, found)
            events, listeners, newest = connection.execute(_CONTENTS).fetchone()
            return Backup(events, listeners, copy.stat().st_size, newest)
        except sqlite3.Error as err:
            if is_late(err):  # a signal: KeyboardInterrupt does not pass through SQLite
                raise KeyboardInterrupt from err
            raise _damaged(db, str(err)) from err


def _flaw(connection: sqlite3.Connection) -> str | None:
    if found := flaw(connection):
        return found
    row = connection.execute("PRAGMA foreign_key_check").fetchone()
    return f"a row of {row[0]} refers to a missing row of {row[2]}" if row else None


def _damaged(db: Path, found: str) -> StoreError:
    return StoreError(
        f"The copy of {db} did not pass its check: {found}.",
        "The copy was deleted. Keep the backups that you have.",
    )


def _header(connection: sqlite3.Connection) -> tuple[int, int]:
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
        copy.rename(target)  # Windows refuses to overwrite
        return
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _rename_within(folder, copy.name, target.name)
    finally:
        os.close(folder)


def _rename_within(folder: int, old: str, new: str) -> None:
    """Rename a file in the folder of a descriptor without overwriting. Raises FileExistsError."""
    with suppress(PermissionError, NotImplementedError):
        os.link(old, new, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        return
    # A file system without links (FAT): an empty file of ours reserves the name for an instant.
    os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder))
    os.replace(old, new, src_dir_fd=folder, dst_dir_fd=folder)
