"""Whom the database's files belong to, and who may read them.

Under sudo a monitor writes as root where the caller said, so a file is given away, changed or
emptied only if it was made just now or says itself that it is PortEye's; links are not followed.
"""

import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

from porteye_core.errors import StoreDamaged, StoreError, StoreUnwritable
from porteye_core.store.migrations import APPLICATION_ID

_NOT_FOLLOWED = getattr(os, "O_NOFOLLOW", 0)
# The file format's header: "SQLite format 3" and a NUL, with the application id at byte 68.
_MAGIC, _APPLICATION_AT, _HEADER = b"SQLite format 3\0", 68, 100
# The schema is on the first pages: it tells whose a file was whose header is damaged.
_SCHEMA, _TABLE = 1_000_000, b"CREATE TABLE listener ("


def create_private(db: Path) -> None:
    """Make sure that the database exists and only its owner may read it.

    SQLite gives the files beside it (-wal, -shm) the same mode and, as root, the same owner. Raises
    StoreUnwritable if it cannot be opened, StoreDamaged if it was a PortEye database, and else
    StoreError if it is none.
    """
    fd, is_new = open_private(db)
    try:
        header = os.read(fd, _HEADER)
        if header and not _is_ours(header):
            if _TABLE in os.read(fd, _SCHEMA):
                raise StoreDamaged(f"The header of {db} is not that of a database.")
            raise StoreError(
                f"{db} cannot be used as a database: it is a file of something else.",
                "Choose another file with --db, or move this one away.",
            )
        if sys.platform != "win32":
            os.fchmod(fd, 0o600)
        if is_new or header:
            give_to_caller(fd)
    finally:
        os.close(fd)


def open_private(path: Path) -> tuple[int, bool]:
    """A descriptor for reading and writing, and whether the file was made just now, for its owner
    alone. Raises StoreError."""
    flags = os.O_RDWR | _NOT_FOLLOWED | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        try:
            return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600), True
        except FileExistsError:
            fd = os.open(path, flags)
    except OSError as err:
        raise StoreUnwritable(
            f"{path} cannot be opened for writing: {err.strerror}.",
            "Choose another place with --db, or change its permissions.",
        ) from err
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(fd)
        raise StoreError(
            f"{path} is not a plain file with one name.", "Choose another place with --db."
        )
    return fd, False


def identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another of its name; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def give_to_caller(fd: int, environ: Mapping[str, str] = os.environ) -> None:
    """Under sudo, give the file to the user who called it, whose dashboard has to read it."""
    if sys.platform == "win32":
        return
    caller = environ.get("SUDO_UID", "")
    if os.geteuid() == 0 and caller.isdecimal() and os.fstat(fd).st_uid == 0:
        os.fchown(fd, int(caller), int(environ.get("SUDO_GID", "-1")))


def _is_ours(header: bytes) -> bool:
    number = int.from_bytes(header[_APPLICATION_AT : _APPLICATION_AT + 4], "big")
    return header.startswith(_MAGIC) and number == APPLICATION_ID
