"""Read-only connections to the database, for pages and requests."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG

from porteye_core import programs
from porteye_core.config import monitor_command
from porteye_core.errors import StoreDamaged, StoreError, StoreMissing, StoreSlow
from porteye_core.exposure import Bound, Namespace, exposure
from porteye_core.reach import InterfaceKind
from porteye_core.store.file import lock, migrations
from porteye_core.store.file.authorizer import MAX_QUERY_TIME, GuardedConnection, is_late
from porteye_core.store.file.damage import UNEXPECTED, check_of, flaw, impossible
from porteye_core.store.file.ownership import identity

# The state of the file, as _state gives it, that passed its check, by path.
_checked: dict[Path, tuple[int, ...]] = {}


@contextmanager
def open_connection(db: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can only read, for one page or request; rows have names.

    Everything read through it is one moment of the database. Raises StoreMissing, StoreOlder,
    StoreNewer, StoreDamaged, StoreSlow if a statement takes longer than MAX_QUERY_TIME, or
    StoreError.
    """
    with open_unchecked(db) as connection:
        migrations.check_current(migrations.version(connection), db)
        _check(connection, db)
        yield connection


def _check(connection: sqlite3.Connection, db: Path) -> None:
    """Raise StoreDamaged if a file that nobody writes to does not pass the check of a start: a
    damaged index would show wrong rows. A monitor that runs has checked it when it began.
    """
    if lock.holder(db) is not None:
        return
    try:
        state = _state(db)
    except OSError:  # set aside by a monitor that began meanwhile
        return
    if _checked.get(db) == state:
        return
    check = check_of(state[2])
    try:
        found = flaw(connection, check) if check else ""
    except sqlite3.Error:  # the time of a statement is over
        found = ""
    if found:
        raise _damaged(
            db,
            found,
            "Restore a backup, or start the monitor: it sets this database aside and begins a new"
            " one.",
        )
    _checked[db] = state


def _state(db: Path) -> tuple[int, ...]:
    """Device, inode, size and time of the file, and of its log if there is one."""
    file = db.stat()
    try:
        log = db.with_name(f"{db.name}-wal").stat()
    except OSError:
        return file.st_dev, file.st_ino, file.st_size, file.st_mtime_ns
    return (
        *(file.st_dev, file.st_ino, file.st_size, file.st_mtime_ns),
        *(log.st_ino, log.st_size, log.st_mtime_ns),
    )


@contextmanager
def open_unchecked(db: Path) -> Iterator[sqlite3.Connection]:
    """The same, whatever its schema. Raises StoreMissing, StoreSlow or StoreError."""
    try:
        if not S_ISREG(db.stat().st_mode):  # to open a FIFO waits for ever
            raise _unreadable(db, "it is not a plain file")
        journal = db.with_name(f"{db.name}-journal")  # SQLite opens one that is there
        if journal.exists() and not journal.is_file():
            raise _unreadable(db, f"{journal.name} is not a plain file")
        connection = _connect(db)
    except FileNotFoundError as err:
        raise StoreMissing(
            f"Nothing is recorded yet: there is no database at {db}.",
            f"Start the monitor: {monitor_command(db)}",
        ) from err
    except (OSError, sqlite3.Error) as err:
        raise _unreadable(db, err) from err
    try:
        connection.execute("BEGIN")
        yield connection
    except sqlite3.Error as err:
        raise slow() if is_late(err) else _unreadable(db, err) from err
    except UNEXPECTED as err:
        # A damaged page may hold a number where a text must be: then it is the database's fault.
        if found := _damage(connection):
            raise _damaged(
                db, found, "Restore a backup, or move this database away: a new one is begun."
            ) from err
        raise
    finally:
        connection.close()


def _connect(db: Path) -> sqlite3.Connection:
    try:
        return _opened(db, "mode=ro")
    except sqlite3.OperationalError:
        # A reader that may not write into the folder cannot make the -shm file of a WAL database.
        # While nobody writes the file does not change, and may be read as it is; but not if the
        # log of a monitor that was killed has more, which would be passed over in silence.
        log = db.with_name(f"{db.name}-wal")
        if lock.holder(db) is not None or (log.exists() and log.stat().st_size):
            raise
        return _opened(db, "mode=ro&immutable=1")


def _opened(db: Path, query: str) -> sqlite3.Connection:
    # as_uri escapes what would otherwise be read as a query or a fragment of the URI.
    connection = sqlite3.connect(
        f"{db.absolute().as_uri()}?{query}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        factory=GuardedConnection,
    )
    try:
        connection.row_factory = sqlite3.Row
        add_functions(connection, db)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA busy_timeout = 2000")
        connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection.bound()


def add_functions(connection: sqlite3.Connection, db: Path) -> None:
    """Let statements call the functions that engine describes."""
    file = db.absolute()
    connection.create_function("database_identity", 0, lambda: _identity(file))
    connection.create_function("casefold", 1, _casefold, deterministic=True)
    connection.create_function("title", 3, _title, deterministic=True)
    connection.create_function("exposure", 5, _exposure, deterministic=True)


def _identity(file: Path) -> str | None:
    found = identity(file)
    # As ASCII: a path may have bytes that are no text.
    return None if found is None else f"{found} {str(file)!a}"


# Of a listener whose owner is not known every column of its program is NULL.
def _casefold(text: str | None) -> str | None:
    return None if text is None else text.casefold()


def _title(name: str | None, exe: str, cmdline: str) -> str | None:
    return None if name is None else programs.title(name, exe, cmdline)


@lru_cache(maxsize=4096)  # a history has millions of listeners on few addresses
def _exposure(
    address: str, interface: str | None, kind: str | None, v6only: int | None, namespace: str
) -> str:
    bound = Bound(
        address,
        interface,
        None if kind is None else InterfaceKind(kind),
        None if v6only is None else bool(v6only),
        Namespace(namespace),
    )
    return exposure(bound).value


def _damage(connection: sqlite3.Connection) -> str:
    """The first damage that is found before the time of a statement is over, empty if none is."""
    try:
        return flaw(connection) or impossible(connection)
    except sqlite3.Error as err:
        return "" if is_late(err) else str(err)


def _damaged(db: Path, found: str, hint: str) -> StoreDamaged:
    return StoreDamaged(f"The database {db} is damaged: {found}.", hint)


def slow() -> StoreSlow:
    """The error of a statement that took too long."""
    return StoreSlow(
        f"The question took longer than {MAX_QUERY_TIME:g} s and was given up.",
        "Narrow it: a shorter time range, a port or a process.",
    )


def _unreadable(db: Path, err: Exception | str) -> StoreError:
    return StoreError(
        f"The database {db} cannot be read: {err}.",
        "It must be a PortEye database that this user may read; a monitor started through sudo"
        " gives it to the user who called sudo.",
    )
