"""The file of the alerts database: made, opened and migrated; several processes write to it.

It has a rollback journal: two connections that write to a WAL can damage it in SQLite before
3.51.3. A writer waits for another one for some seconds.
"""

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from porteye_core.errors import StoreError, StoreHeld, StoreMissing, StoreNewer
from porteye_core.store.file import lock as locks
from porteye_core.store.file import transaction as transactions
from porteye_core.store.file.folder import Folder, make_own
from porteye_core.store.file.ownership import give_to_caller, open_private
from porteye_core.store.file.sqlite_errors import to_store_error

APPLICATION_ID = 0x50457941  # "PEyA"
_FILES = sorted(Path(__file__).with_name("schema").glob("[0-9]*.sql"))
_STEPS = tuple(file.read_text(encoding="utf-8") for file in _FILES)
# FULL: a message that a receiver has taken must not be forgotten by a power cut. secure_delete: no
# free page keeps a text with secrets.
_EVERY_TIME = """
PRAGMA busy_timeout = 5000;
PRAGMA journal_mode = DELETE;
PRAGMA synchronous = FULL;
PRAGMA secure_delete = ON;
PRAGMA foreign_keys = ON;
PRAGMA cache_size = -500;
PRAGMA trusted_schema = OFF;
"""
# Root takes on the rights of a folder's user while it writes, in all threads.
_WRITING = threading.Lock()
# Files whose revision was asked for: inode and descriptor.
_opened: dict[Path, tuple[tuple[int, int], int]] = {}
_OPENED = threading.Lock()
_HINT = "Choose another place with --alerts-db, or move this file away."


def revision(file: Path) -> tuple[object, ...] | None:
    """A value that changes with every commit; None while there is no file that can be read."""
    try:
        status = file.stat()
        header = _header(file, (status.st_dev, status.st_ino))
    except OSError:
        return None
    # The change counter: two commits can share a time of the file (SQLite's file format, 1.3.7).
    return status.st_dev, status.st_ino, status.st_size, header[24:]


def _header(file: Path, inode: tuple[int, int]) -> bytes:
    """The first bytes of a file. Raises OSError.

    Its descriptor stays open for the next call: to close one would end the locks that SQLite holds
    on the file in this process (sqlite.org/howtocorrupt.html, section 2.2).
    """
    if os.name != "posix":
        with file.open("rb") as opened:
            return opened.read(28)
    with _OPENED:
        known = _opened.get(file)
        if known is None or known[0] != inode:
            if known is not None:  # of a file that nobody finds any more
                os.close(known[1])
            fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
            found = os.fstat(fd)
            known = _opened[file] = (found.st_dev, found.st_ino), fd
        return os.pread(known[1], 28, 0)


def unwritable(file: Path) -> str:
    """The reason why this process cannot write to the file or make it, empty if it can."""
    # SQLite makes its journal beside the file.
    is_there = os.path.exists(file)  # noqa: PTH110 - Path.exists raises where nobody may search
    places = (file, file.parent) if is_there else (file.parent,)
    for place in places:
        mode = os.W_OK | (os.X_OK if place is file.parent else 0)
        if not os.access(place, mode, effective_ids=os.access in os.supports_effective_ids):
            return f"this user may not write to {place}"
    return ""


@contextmanager
def held(file: Path, now: int) -> Iterator[None]:
    """Hold the lock of the process that judges; raises StoreHeld if another one does."""
    make_own(file.parent)
    with ExitStack() as stack:
        try:
            stack.enter_context(locks.WriterLock(file, now))
        except StoreHeld as err:
            who = locks.holder(file)
            raise StoreHeld(
                f"Another alerts process already judges into {file}: pid {who.pid if who else 0}.",
                "Stop it first, or choose another alerts database with --alerts-db.",
            ) from err
        yield


def holder(file: Path) -> locks.Holder | None:
    """Find the process that judges; None if there is none."""
    return locks.holder(file)


@contextmanager
def open_to_write(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that writes; makes or migrates the file if needed. Use it in one thread.

    Raises StoreNewer, StoreUnwritable, StoreDamaged or StoreError.
    """
    make_own(file.parent)
    folder = Folder.of(file.parent)
    with folder.rights():
        _create(file, folder)
        connection = _connect(file, "rw")
        try:
            _check_kind(connection, file)
            connection.executescript(_EVERY_TIME)
            _migrate(connection, file)
        except sqlite3.Error as err:
            connection.close()
            raise to_store_error(err, f"{file} cannot be used as an alerts database") from err
        except BaseException:
            connection.close()
            raise
    with closing(connection):
        try:
            yield connection
        except sqlite3.Error as err:  # of a read: transactions have their own
            raise to_store_error(err, f"The alerts database {file} cannot be read") from err


@contextmanager
def open_to_read(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that reads one moment of the database; rows have names.

    Raises StoreMissing, StoreNewer or StoreError.
    """
    # After a crash the next connection that may write puts the pages of the journal back.
    mode = "rw" if os.access(file, os.W_OK) else "ro"
    try:
        is_there = stat.S_ISREG(file.stat().st_mode)  # Path.is_file may hide that nobody may look
    except (FileNotFoundError, NotADirectoryError):
        is_there = False
    except OSError as err:  # of a folder
        raise StoreError(f"{file} cannot be read: {err.strerror}.") from err
    if not is_there:
        raise StoreMissing(f"There is no alerts database at {file}.", "Start porteye alerts.")
    if mode == "rw" and _is_older(file):
        with open_to_write(file):
            pass  # it is up to date then
    try:
        with closing(_connect(file, mode)) as connection:
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA busy_timeout = 2000")
            connection.execute("BEGIN")
            found = _version(connection)
            _check_not_newer(found, file)
            if not found:
                raise StoreMissing(f"{file} is no alerts database yet.", "Start porteye alerts.")
            if found < len(_STEPS):
                raise StoreError(
                    f"{file} has schema {found}, and this program reads {len(_STEPS)}.",
                    "Start porteye alerts, which brings it up to date.",
                )
            yield connection
    except sqlite3.Error as err:
        raise to_store_error(err, f"The alerts database {file} cannot be read") from err


@contextmanager
def transaction(connection: sqlite3.Connection, file: Path) -> Iterator[None]:
    """Commit the block's writes together, or none of them. Raises StoreError."""
    with Folder.of(file.parent).rights(), transactions.transaction(connection):
        yield


@contextmanager
def writing(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection for one transaction, which is committed at the end; threads take turns.

    Raises StoreError.
    """
    with _WRITING, open_to_write(file) as connection, transaction(connection, file):
        yield connection


def _connect(file: Path, mode: str) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(
            f"{file.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None
        )
    except sqlite3.Error as err:
        raise to_store_error(err, f"{file} cannot be opened", _HINT) from err
    connection.row_factory = sqlite3.Row
    return connection


def _create(file: Path, folder: Folder) -> None:
    """Make the file if needed. Raises StoreError.

    A file that is there is not opened: to close it would end the locks that SQLite holds on it in
    this process (sqlite.org/howtocorrupt.html, section 2.2).
    """
    if os.path.lexists(file):
        found = file.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise StoreError(f"{file} is not a plain file with one name.", _HINT)
        return
    fd, _ = open_private(file)
    try:
        if os.name == "posix" and folder.path.stat().st_mode & stat.S_IWGRP:
            os.fchmod(fd, 0o660)  # the group shares the folder
        give_to_caller(fd, file.parent)
    finally:
        os.close(fd)


def _check_kind(connection: sqlite3.Connection, file: Path) -> None:
    """Raise StoreError if the file is another database; one without tables is made ours."""
    # In this order: another process may make the tables and set the id in between.
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    (kind,) = connection.execute("PRAGMA application_id").fetchone()
    if kind != APPLICATION_ID and tables:
        raise StoreError(f"{file} is not an alerts database of PortEye.", _HINT)


def _migrate(connection: sqlite3.Connection, file: Path) -> None:
    """Apply the missing steps in one transaction, whichever process comes first."""
    if _version(connection) == len(_STEPS):
        return
    with transactions.transaction(connection):
        found = _version(connection)
        _check_not_newer(found, file)
        # With the tables: who is killed here leaves a file that has all of it, or nothing.
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        for step in _STEPS[found:]:
            for statement in _statements(step):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(_STEPS)}")


def _statements(script: str) -> Iterator[str]:
    """The statements one by one: executescript commits what goes before it."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _is_older(file: Path) -> bool:
    """Tell that the tables are those of an older version; False where nothing can be read."""
    try:
        with closing(_connect(file, "rw")) as connection:
            return 0 < _version(connection) < len(_STEPS)
    except (sqlite3.Error, StoreError):
        return False


def _check_not_newer(found: int, file: Path) -> None:
    if found > len(_STEPS):
        raise StoreNewer(
            f"{file} has schema {found}, and this program knows {len(_STEPS)}.",
            "Update PortEye, or choose another alerts database.",
        )
