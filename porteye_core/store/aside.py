"""What is left of a database that is used no more: kept for whoever wants to look into it, and out
of the way of the next one."""

import logging
from datetime import UTC, datetime
from pathlib import Path

from porteye_core.errors import StoreUnwritable
from porteye_core.model import Limit

log = logging.getLogger("porteye")

_BESIDE = ("", "-wal", "-shm")


def set_aside(db: Path, reason: str) -> Limit:
    """Rename the database and the files beside it; returns what a watch says of it.

    Nothing is deleted or overwritten. Raises StoreUnwritable if the folder does not allow it.
    """
    try:
        kept = _free_name(db, "corrupt")
        for suffix in _BESIDE:
            part = db.with_name(db.name + suffix)
            if part.exists():
                part.rename(kept.with_name(kept.name + suffix))
    except OSError as err:
        raise StoreUnwritable(
            f"The database {db} is damaged and cannot be set aside: {err.strerror}. {reason}",
            "Move it away, or let the monitor write to its folder.",
        ) from err
    limit = Limit(
        "set_aside",
        f"The database was damaged, and a new one begun: the history until then is in {kept.name}.",
        "Restore a backup, or read what is left of it with SQLite's .recover.",
    )
    log.error("%s is damaged and was set aside as %s; a new one begins. %s", db, kept, reason)
    return limit


def clear_log(log_file: Path) -> None:
    """Take the log of a file that lost its name out of the way, for SQLite would read it as that of
    the next file: its pages in another database. What is in it still is kept under another name."""
    if log_file.stat().st_size:
        log_file.rename(_free_name(log_file, "left"))
    else:
        log_file.unlink()


def _free_name(path: Path, why: str) -> Path:
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    kept = path.with_name(f"{path.name}.{why}-{moment}")
    number = 1
    while kept.exists():  # a second time within one second
        number += 1
        kept = path.with_name(f"{path.name}.{why}-{moment}-{number}")
    return kept
