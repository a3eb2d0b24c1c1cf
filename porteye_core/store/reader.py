"""Read-only connections to the database, for pages and requests."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from porteye_core import programs
from porteye_core.config import monitor_command
from porteye_core.errors import StoreError, StoreMissing, StoreSlow
from porteye_core.store import lock, migrations
from porteye_core.store.bounds import LONGEST_QUERY, BoundedConnection, is_late


@contextmanager
def open_reader(db: Path) -> Iterator[sqlite3.Connection]:
    """A connection that can only read, for one page or request; rows have names.

    Everything read through it is one moment of the database. Raises StoreMissing, StoreOlder,
    StoreNewer, StoreSlow if a statement takes longer than LONGEST_QUERY, or StoreError.
    """
    with open_unchecked(db) as connection:
        migrations.check_current(migrations.version(connection), db)
        yield connection


@contextmanager
def open_unchecked(db: Path) -> Iterator[sqlite3.Connection]:
    """The same, whatever its schema. Raises StoreMissing, StoreSlow or StoreError."""
    try:
        db.stat()
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
        raise _slow() if is_late(err) else _unreadable(db, err) from err
    except (ArithmeticError, LookupError, TypeError, ValueError) as err:
        # A damaged page may hold a number where a text must be: then it is the database's fault.
        if damage := _damage(connection):
            raise _unreadable(db, damage) from err
        raise
    finally:
        connection.close()


def _connect(db: Path) -> sqlite3.Connection:
    # as_uri escapes what would otherwise be read as a query or a fragment of the URI.
    try:
        return _opened(f"{db.absolute().as_uri()}?mode=ro")
    except sqlite3.OperationalError:
        # A reader that may not write into the folder cannot make the -shm file of a WAL database.
        # While nobody writes the file does not change, and may be read as it is; but not if the
        # log of a monitor that was killed has more, which would be passed over in silence.
        log = db.with_name(f"{db.name}-wal")
        if lock.holder(db) is not None or (log.exists() and log.stat().st_size):
            raise
        return _opened(f"{db.absolute().as_uri()}?mode=ro&immutable=1")


def _opened(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, check_same_thread=False, factory=BoundedConnection
    )
    try:
        connection.row_factory = sqlite3.Row
        add_functions(connection)
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA busy_timeout = 2000")
        connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection.bound()


def add_functions(connection: sqlite3.Connection) -> None:
    """Let statements call `casefold(text)` and `title(name, exe, cmdline)`."""
    connection.create_function("casefold", 1, _casefold, deterministic=True)
    connection.create_function("title", 3, _title, deterministic=True)


# Of a listener whose owner is not known every column of its program is NULL.
def _casefold(text: str | None) -> str | None:
    return None if text is None else text.casefold()


def _title(name: str | None, exe: str, cmdline: str) -> str | None:
    return None if name is None else programs.title(name, exe, cmdline)


def _damage(connection: sqlite3.Connection) -> str:
    """The first damage that SQLite finds in the time of a statement, empty if it finds none."""
    try:
        found = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.Error as err:
        return "" if is_late(err) else str(err)
    except UnicodeDecodeError:
        return "what SQLite says of its schema is no text"
    return "" if found == "ok" else found


def _slow() -> StoreSlow:
    return StoreSlow(
        f"The question took longer than {LONGEST_QUERY:g} s and was given up.",
        "Narrow it: a shorter time range, a port or a process.",
    )


def _unreadable(db: Path, err: Exception | str) -> StoreError:
    return StoreError(
        f"The database {db} cannot be read: {err}.",
        "It must be a PortEye database that this user may read; a monitor started through sudo"
        " gives it to the user who called sudo.",
    )
