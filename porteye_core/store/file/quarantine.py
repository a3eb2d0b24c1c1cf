"""Quarantine: rename a damaged or orphaned database instead of deleting it.

The next database gets the name, and SQLite's .recover can still read the old one.
"""

import logging
from datetime import UTC, datetime
from pathlib import Path

from porteye_core.errors import StoreUnwritable
from porteye_core.model import Limitation

log = logging.getLogger("porteye")

_SUFFIXES = ("", "-wal", "-shm")


def set_aside(db: Path, reason: str) -> Limitation:
    """Rename the database, its WAL and its index; return the limitation of the next watch.

    Deletes and overwrites nothing. Raises StoreUnwritable if the folder does not allow a rename.
    """
    try:
        new = _free_name(db, "corrupt")
        for suffix in _SUFFIXES:
            file = db.with_name(db.name + suffix)
            if file.exists():
                file.rename(new.with_name(new.name + suffix))
    except OSError as err:
        raise StoreUnwritable(
            f"The database {db} is damaged and cannot be renamed: {err.strerror}. {reason}",
            "Move it away, or let the monitor write to its folder.",
        ) from err
    limit = Limitation(
        "set_aside",
        f"The database was damaged. A new one was started; the earlier history is in {new.name}.",
        "Restore a backup, or recover rows with SQLite's .recover.",
    )
    log.error("%s is damaged and was set aside as %s; a new one begins. %s", db, new, reason)
    return limit


def clear_wal(wal: Path) -> None:
    """Rename the WAL of a file that lost its name; delete it if it is empty.

    SQLite would read it as the WAL of the next file, and put its pages into another database.
    """
    if wal.stat().st_size:
        wal.rename(_free_name(wal, "left"))
    else:
        wal.unlink()


def _free_name(path: Path, label: str) -> Path:
    time = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    new = path.with_name(f"{path.name}.{label}-{time}")
    attempt = 1
    while new.exists():  # a second one within a second
        attempt += 1
        new = path.with_name(f"{path.name}.{label}-{time}-{attempt}")
    return new
