"""Steps of the schema, one file each in the folder schema; a released step never changes.

The files are applied in the order of their names. The database's user_version is the number of
applied steps, set in the transaction of the step. Column by column: docs/database.md.
"""

import sqlite3
from pathlib import Path

from porteye_core.config import monitor_command
from porteye_core.errors import StoreNewer, StoreOlder
from porteye_core.store.file.sqlite_errors import to_store_error

APPLICATION_ID = 0x50457965  # "PEye"
# A sampling tick changes a few rows in each of many pages: SQLite's 4096 wrote half as much again.
PAGE_SIZE = 2048

_FILES = sorted(Path(__file__).with_name("schema").glob("[0-9]*.sql"))
STEPS = tuple(file.read_text(encoding="utf-8") for file in _FILES)


def version(connection: sqlite3.Connection) -> int:
    """Number of steps that were applied to this database."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection) -> None:
    """Apply the missing steps, each in one transaction. Raises StoreNewer, StoreError."""
    check_not_newer(version(connection))
    for number in range(version(connection), len(STEPS)):
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE; {STEPS[number]} PRAGMA user_version = {number + 1}; COMMIT;"
            )
        except sqlite3.Error as err:
            if connection.in_transaction:
                connection.rollback()
            raise to_store_error(
                err,
                f"Step {number + 1} of the schema could not be applied",
                "Nothing was changed. Restore a backup, or move the file away to start anew.",
            ) from err


def check_not_newer(found: int) -> None:
    """Raise StoreNewer if a later version of PortEye wrote the database."""
    if found > len(STEPS):
        raise StoreNewer(
            f"The database has schema {found}, and this program knows {len(STEPS)}.",
            "Update PortEye, or choose another database.",
        )


def check_current(found: int, db: Path) -> None:
    """Raise StoreNewer or StoreOlder unless this version can read the schema."""
    check_not_newer(found)
    if found < len(STEPS):
        raise StoreOlder(
            f"The database has schema {found}, and this program needs {len(STEPS)}.",
            f"Start the monitor once, it brings the database up to date: {monitor_command(db)}",
        )
