"""The connection of the only writer: one process, one lock, one file."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from porteye_core.errors import StoreError
from porteye_core.model import FOR_EVER, Keep
from porteye_core.store import migrations
from porteye_core.store.files import create_private
from porteye_core.store.host import Host
from porteye_core.store.lock import WriterLock
from porteye_core.store.writer import Writer

_OLDEST_SQLITE = (3, 37, 0)  # the first with STRICT tables
_NEW_FILE = f"""
PRAGMA page_size = {migrations.PAGE_SIZE}; -- before auto_vacuum, or it is silently ignored
PRAGMA auto_vacuum = INCREMENTAL; -- before any table, or it is silently off
PRAGMA application_id = {migrations.APPLICATION_ID};
PRAGMA journal_mode = WAL;
"""
# FULL: in simulated power cuts NORMAL lost ticks that had been acknowledged, FULL none.
_EVERY_TIME = """
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
PRAGMA busy_timeout = 5000;
PRAGMA wal_autocheckpoint = 8000;
PRAGMA journal_size_limit = 67108864;
PRAGMA cache_size = -2000;
PRAGMA trusted_schema = OFF;
"""


@contextmanager
def open_writer(db: Path, host: Host, now: int, keep: Keep = FOR_EVER) -> Iterator[Writer]:
    """The writer of this database, created and migrated if need be; it keeps so much history.

    Raises StoreHeld if another process writes to it, StoreNewer, or StoreError.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StoreError(
            f"SQLite {sqlite3.sqlite_version} is too old.", "PortEye needs 3.37 or later."
        )
    with WriterLock(db, now):
        create_private(db)
        connection, host_id, rebooted = _connect(db, host)
        try:
            yield Writer(connection, host_id, db, rebooted=rebooted, keep=keep)
        finally:
            connection.close()


def _connect(db: Path, host: Host) -> tuple[sqlite3.Connection, int, bool]:
    connection = sqlite3.connect(db, isolation_level=None)
    try:
        # The pragma reads the file's header: of a file that is no database this is the first word.
        if not connection.execute("PRAGMA page_count").fetchone()[0]:
            connection.executescript(_NEW_FILE)
        connection.executescript(_EVERY_TIME)
        migrations.migrate(connection)
        rebooted = host.has_rebooted(connection)
        return connection, host.row(connection), rebooted
    except sqlite3.Error as err:
        connection.close()
        raise StoreError(
            f"{db} cannot be used as a database: {err}.",
            "Choose another file with --db, or move this one away.",
        ) from err
    except StoreError:
        connection.close()
        raise
