"""Whom the database's files belong to, and who may read them."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from porteye_core.errors import StoreError


def create_private(db: Path) -> None:
    """Make sure that the file exists and only its owner may read it; raises StoreError.

    SQLite gives the files beside it (-wal, -shm) the same mode and, as root, the same owner.
    """
    try:
        fd = os.open(db, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as err:
        raise StoreError(
            f"The database {db} cannot be opened for writing: {err.strerror}.",
            "Choose another place with --db, or change its permissions.",
        ) from err
    try:
        if sys.platform != "win32" and os.fstat(fd).st_uid in (os.geteuid(), _caller(os.environ)):
            os.fchmod(fd, 0o600)
        give_to_caller(fd)
    finally:
        os.close(fd)


def give_to_caller(fd: int, environ: Mapping[str, str] = os.environ) -> None:
    """Under sudo, give the file to the user who called it, whose dashboard has to read it."""
    if sys.platform == "win32":
        return
    caller = _caller(environ)
    if os.geteuid() == 0 and caller is not None and os.fstat(fd).st_uid == 0:
        os.fchown(fd, caller, int(environ.get("SUDO_GID", -1)))


def _caller(environ: Mapping[str, str]) -> int | None:
    uid = environ.get("SUDO_UID", "")
    return int(uid) if uid.isdecimal() else None
