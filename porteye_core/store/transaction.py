"""All or nothing."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from porteye_core.store.trouble import translated


@contextmanager
def transaction(
    connection: sqlite3.Connection, undone: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """What the block writes is stored when it ends, or nothing of it; then `undone` is called.

    Raises StoreUnwritable, StoreDamaged or StoreError when the database does not take it.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException as err:
        if connection.in_transaction:
            # Of a disk that fails this may fail, too; the next BEGIN says so.
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        undone()
        if isinstance(err, sqlite3.Error):
            raise translated(err) from err
        raise


@contextmanager
def unchecked(connection: sqlite3.Connection) -> Iterator[None]:
    """A transaction that may delete a row before those that refer to it are sought."""
    connection.execute("PRAGMA foreign_keys = OFF")  # does nothing once a transaction has begun
    try:
        with transaction(connection):
            yield
    finally:
        connection.execute("PRAGMA foreign_keys = ON")
