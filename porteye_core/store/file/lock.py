"""Lock file of a database: one writer, released by the kernel when its process dies."""

import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from porteye_core.errors import StoreError, StoreHeld
from porteye_core.model import Limitation
from porteye_core.store.file.folder import Folder
from porteye_core.store.file.ownership import give_to_caller, identity, open_private, open_to_read

# A reader that tests the lock takes it for an instant; a monitor that starts in that instant tries
# again.
_PATIENCE = 0.5
_PAUSE = 0.02
# Bytes of the file, and characters of the trouble: six bytes each at most in JSON, and some more.
_LENGTH, _MAX_SAID = 8192, 500


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that writes to a database, and since when in microseconds; 0: it has not said.

    trouble: why it cannot write now, and keeps in memory what it sees; empty if it can.
    limits: its present limitations, beside those of its watch.
    """

    pid: int
    since: int
    trouble: str = ""
    limitations: tuple[Limitation, ...] = ()


def path_of(db: Path) -> Path:
    """Path of the lock of a database."""
    return db.with_name(db.name + ".lock")


class WriterLock:
    """Context manager that holds the lock of a database.

    Raises StoreHeld if another process has it, StoreError if the folder cannot be written to.
    `folder`: take its rights to open, rename or delete a file in it by name.
    """

    def __init__(self, db: Path, now: int) -> None:
        self.db = db
        self.folder = Folder.of(db.parent)
        self._path = path_of(db)
        self._now = now
        self._fd = -1

    def __enter__(self) -> Self:
        self._open()
        return self

    def _open(self) -> None:
        with self.folder.rights():
            self._fd, is_new = open_private(self._path)
        try:
            self._take()
            if is_new:
                give_to_caller(self._fd)
            os.ftruncate(self._fd, 0)
        except BaseException:
            os.close(self._fd)
            self._fd = -1
            raise
        self.say("")

    def say(self, trouble: str, limitations: Sequence[Limitation] = ()) -> None:
        """Tell readers why nothing is stored now, and the present limitations.

        An empty `trouble` means that records are stored again. A limitation has a few hundred
        ASCII characters at most.
        """
        said = {
            "pid": os.getpid(),
            "since": self._now,
            "trouble": trouble[:_MAX_SAID],
            "limits": [asdict(each) for each in limitations],
        }
        # Of one length, so that a full disk takes it. Else missing ticks have to say it.
        with suppress(OSError):
            os.lseek(self._fd, 0, os.SEEK_SET)
            os.write(self._fd, json.dumps(said).encode().ljust(_LENGTH))

    def keep(self) -> None:
        """Take the lock again if its file was deleted, before a second monitor does.

        Raises StoreHeld if one already did, StoreUnwritable if the file cannot be made.
        """
        if self._fd >= 0:
            found = os.fstat(self._fd)
            if identity(self._path) == (found.st_dev, found.st_ino):
                return
            os.close(self._fd)
            self._fd = -1
        self._open()

    def _take(self) -> None:
        patience = time.monotonic() + _PATIENCE
        while not _take(self._fd, shared=False):
            if time.monotonic() > patience:
                raise _held(self._path)
            time.sleep(_PAUSE)
        if os.fstat(self._fd).st_size and _read(self._fd) is None:
            raise StoreError(
                f"{self._path} is not the lock of a PortEye database.",
                "Choose another place with --db, or move this file away.",
            )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._fd >= 0:
            with suppress(OSError):
                os.ftruncate(self._fd, 0)
            os.close(self._fd)


def holder(db: Path) -> Holder | None:
    """Find the process that writes to a database; None if there is none."""
    try:
        fd = open_to_read(path_of(db))
    except OSError:
        return None
    try:
        if _take(fd, shared=True):
            return None
        return _read(fd) or Holder(0, 0)
    finally:
        os.close(fd)


def _held(path: Path) -> StoreHeld:
    try:
        fd = open_to_read(path)
    except OSError:  # deleted meanwhile
        who = Holder(0, 0)
    else:
        who = _read(fd) or Holder(0, 0)
        os.close(fd)
    since = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(who.since / 1e6))
    return StoreHeld(
        f"Another monitor already writes to {path.with_suffix('')}: pid {who.pid}, since {since}.",
        "Stop it first, or choose another database with --db.",
    )


def _read(fd: int) -> Holder | None:
    """Read the content of a lock; None if no monitor wrote it."""
    try:
        said = json.loads(
            os.pread(fd, _LENGTH, 0) if hasattr(os, "pread") else os.read(fd, _LENGTH)
        )
        limitations = tuple(Limitation(**each) for each in said.get("limits", ()))
        return Holder(
            int(said["pid"]), int(said["since"]), str(said.get("trouble", "")), limitations
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


if sys.platform == "win32":
    import msvcrt

    # Windows forbids reads of a locked range, and the holder's text must stay readable.
    _BEYOND = 1 << 20

    def _take(fd: int, *, shared: bool) -> bool:  # noqa: ARG001 - Windows locks are exclusive
        os.lseek(fd, _BEYOND, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        else:
            return True
        finally:
            os.lseek(fd, 0, os.SEEK_SET)

else:
    import fcntl

    def _take(fd: int, *, shared: bool) -> bool:
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
