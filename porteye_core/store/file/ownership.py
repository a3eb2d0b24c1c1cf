"""Ownership and permissions of the database's files.

Under sudo a monitor writes as root to a path that the caller names. So a file is given away,
changed or emptied only if it is new or if its header is PortEye's; links are not followed. In a
folder of another user root has that user's rights meanwhile, see Folder.rights.
"""

import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from porteye_core import places
from porteye_core.errors import StoreDamaged, StoreError, StoreUnwritable
from porteye_core.store.file.migrations import APPLICATION_ID
from porteye_core.store.file.sudo_caller import caller, callers_group

# O_NONBLOCK: opening a FIFO would wait without end. Windows has neither it nor O_NOFOLLOW.
_FLAGS = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOINHERIT", 0)
    | getattr(os, "O_BINARY", 0)
)
_BESIDE = ("-wal", "-shm")
_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO
# The file format's header: "SQLite format 3" and a NUL, with the application id at byte 68.
_MAGIC, _APPLICATION_AT, _HEADER = b"SQLite format 3\0", 68, 100
# The schema is on the first pages: it identifies a file of PortEye whose header is damaged.
_SCHEMA, _TABLE = 1_000_000, b"CREATE TABLE listener ("


def create_private(db: Path) -> bool:
    """Create the database if needed, and let only its owner read it; return True if it is empty.

    Raises StoreUnwritable if it cannot be opened, StoreDamaged if it was a PortEye database, and
    StoreError if it is another file.
    """
    with suppress(FileNotFoundError):  # SQLite would write its content into the database
        journal = db.with_name(f"{db.name}-journal")
        _check_plain(journal, journal.lstat())
    fd, is_new = open_private(db)
    try:
        header = os.read(fd, _HEADER)
        if header and not _is_ours(header):
            if _TABLE in os.read(fd, _SCHEMA):
                raise StoreDamaged(f"The header of {db} is not that of a database.")
            raise StoreError(
                f"{db} cannot be used as a database: it is another kind of file.",
                "Choose another file with --db, or move this one away.",
            )
        close_to_others(fd, db)
        if is_new or header:
            give_to_caller(fd, db.parent)
    finally:
        os.close(fd)
    return not header


def beside(db: Path) -> tuple[Path, Path]:
    """Return the paths of the log of a database and of the log's index."""
    log, index = (db.with_name(db.name + suffix) for suffix in _BESIDE)
    return log, index


def create_wal(db: Path) -> None:
    """Make sure that the log and its index exist and only their owner may read them, before SQLite
    opens them by their names; as root it gives them to the owner of the database. Raises
    StoreError."""
    for path in beside(db):
        fd, _ = open_private(path)
        try:
            close_to_others(fd, path)
        finally:
            os.close(fd)


def close_to_others(fd: int, path: Path) -> None:
    """Remove the permissions of group and others. Raises StoreUnwritable."""
    if sys.platform != "win32" and os.fstat(fd).st_mode & _OF_OTHERS:
        try:
            os.fchmod(fd, 0o600)
        except OSError as err:
            raise StoreUnwritable(
                f"{path} cannot be closed to other users: {err.strerror}.",
                "Start the monitor as the user who owns it, or choose another place with --db.",
            ) from err


def open_private(path: Path) -> tuple[int, bool]:
    """Open a file for reading and writing; create it, private to its owner, if needed.

    Returns the descriptor, and True for a new file. Raises StoreError.
    """
    flags = os.O_RDWR | _FLAGS
    try:
        try:
            return os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600), True
        except FileExistsError:
            fd = os.open(path, flags)
    except OSError as err:
        raise _unwritable(path, err) from err
    try:
        _check_plain(path, os.fstat(fd))
    except StoreError:
        os.close(fd)
        raise
    return fd, False


def open_to_read(path: Path) -> int:
    """Open a plain file for reading. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | _FLAGS)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "Not a plain file")
    return fd


def _check_plain(path: Path, status: os.stat_result) -> None:
    """Raise StoreError for a link, a device or a file with several names.

    Likewise for a file of another user in a folder that everybody may write to.
    """
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        raise StoreError(
            f"{path} is not a plain file with one name.", "Choose another place with --db."
        )
    if (
        os.name == "posix"
        and status.st_uid not in (0, os.geteuid())
        and _everybody_writes(path.parent)
    ):
        raise StoreError(
            f"{path} belongs to the user {status.st_uid}, in a folder that everybody may write to.",
            "Choose another place with --db, or delete it.",
        )


def _everybody_writes(folder: Path) -> bool:
    """True for a folder that all users may write to, or that cannot be read any more."""
    try:
        return bool(folder.stat().st_mode & stat.S_IWOTH)
    except OSError:
        return True


def _unwritable(path: Path, err: OSError) -> StoreUnwritable:
    hint = "Choose another place with --db, or change its permissions."
    if os.name == "posix" and os.getuid() != os.geteuid():
        hint = (
            f"Root has the rights of the user {os.geteuid()} here, who could exchange files in"
            " the folder: give folder and files to that user, or choose a folder of root's own with"
            " --db."
        )
    return StoreUnwritable(f"{path} cannot be opened for writing: {err.strerror}.", hint)


def identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file, which a replaced file has not; None if there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def give_to_caller(fd: int, folder: Path) -> None:
    """Under sudo, give a file in this folder to the user who called it, so that their dashboard can
    read it. The machine's own folder is root's, and root without CAP_DAC_OVERRIDE writes there."""
    if sys.platform == "win32" or folder == places.OF_ROOT:
        return
    user = caller()
    if os.geteuid() == 0 and user is not None and os.fstat(fd).st_uid == 0:
        os.fchown(fd, user, callers_group())


def _is_ours(header: bytes) -> bool:
    application = int.from_bytes(header[_APPLICATION_AT : _APPLICATION_AT + 4], "big")
    return header.startswith(_MAGIC) and application == APPLICATION_ID
