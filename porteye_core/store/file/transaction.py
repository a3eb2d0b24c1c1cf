"""Transactions of the writer."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from porteye_core.store.file.sqlite_errors import to_store_error


@contextmanager
def transaction(
    connection: sqlite3.Connection, undone: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Commit the block's writes at its end; on an error roll back, then call `undone`.

    Raises StoreUnwritable, StoreDamaged or StoreError if the database refuses a write.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException as err:
        if connection.in_transaction:
            # On a failing disk this may fail as well; then the next BEGIN raises.
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        undone()
        if isinstance(err, sqlite3.Error):
            raise to_store_error(err) from err
        raise


@contextmanager
def unchecked(connection: sqlite3.Connection) -> Iterator[None]:
    """Transaction without checks of foreign keys, so that rows can be deleted in any order."""
    connection.execute("PRAGMA foreign_keys = OFF")  # has no effect within a transaction
    try:
        with transaction(connection):
            yield
    finally:
        connection.execute("PRAGMA foreign_keys = ON")
