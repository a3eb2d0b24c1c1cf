"""Start of the writer: take the lock, open, migrate and check the file."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from porteye_core.errors import StoreDamaged, StoreError
from porteye_core.model import KEEP_FOREVER, RetentionPolicy
from porteye_core.store.file import migrations
from porteye_core.store.file.damage import check_ids, check_of, explained, flaw
from porteye_core.store.file.folder import make_own
from porteye_core.store.file.lock import Claim, WriterLock
from porteye_core.store.file.ownership import create_private, create_wal
from porteye_core.store.file.sqlite_errors import to_store_error
from porteye_core.store.tables.host_row import Host
from porteye_core.store.writing.recorder import Recorder
from porteye_core.store.writing.writer import Writer

_OLDEST_SQLITE = (3, 37, 0)  # the first with STRICT tables
_NEW_FILE = f"""
PRAGMA page_size = {migrations.PAGE_SIZE}; -- before auto_vacuum, otherwise silently ignored
PRAGMA auto_vacuum = INCREMENTAL; -- before any table, otherwise silently off
PRAGMA application_id = {migrations.APPLICATION_ID};
PRAGMA journal_mode = WAL;
"""
# FULL: in simulated power cuts NORMAL lost acknowledged ticks, FULL none.
_EVERY_TIME = """
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
PRAGMA busy_timeout = 1000;
PRAGMA cache_size = -1000;
PRAGMA trusted_schema = OFF;
"""


@contextmanager
def open_writer(
    db: Path,
    host: Host,
    now: int,
    retention: RetentionPolicy = KEEP_FOREVER,
    claim: Claim | None = None,
) -> Iterator[Writer]:
    """Open the writer of this database; create or migrate the file if needed.

    Its folder is made, too, if it has PortEye's own name. retention: maximum of history; claim:
    what it may ask of another writer. Raises StoreHeld if another process writes to the database,
    StoreNewer, or StoreError.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise StoreError(
            f"SQLite {sqlite3.sqlite_version} is too old.", "PortEye needs 3.37 or later."
        )
    make_own(db.parent)
    with (
        WriterLock(db, now, claim) as lock,
        closing(Writer(lock, lambda: _open(db, host, retention))) as made,
    ):
        yield made


def _open(db: Path, host: Host, retention: RetentionPolicy) -> Recorder:
    is_empty = create_private(db)
    try:
        if is_empty:
            # SQLite deletes a WAL beside an empty file, so the WAL is made after the header.
            with closing(sqlite3.connect(db, isolation_level=None)) as made:
                made.executescript(_NEW_FILE)
        create_wal(db)
        connection = sqlite3.connect(db, isolation_level=None)
    except sqlite3.Error as err:
        raise to_store_error(err, f"{db} cannot be used as a database") from err
    try:
        with explained(connection, f"{db} cannot be used as a database"):
            connection.executescript(_EVERY_TIME)
            migrations.migrate(connection)
            _check(connection, db)
            rebooted = host.has_rebooted(connection)
            return Recorder(connection, db, host.row(connection), retention, rebooted=rebooted)
    except BaseException:
        connection.close()
        raise


def _check(connection: sqlite3.Connection, db: Path) -> None:
    """Raise StoreDamaged if a check finds damage, or if a table has no more ids.

    The check runs at every start, even after a clean end: a page can be damaged at any time.
    """
    size = connection.execute(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    )
    check = check_of(size.fetchone()[0])
    if check and (found := flaw(connection, check)):
        raise StoreDamaged(f"{db}: {found}.")
    check_ids(connection)
