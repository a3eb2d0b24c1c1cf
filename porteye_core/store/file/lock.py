"""Lock file of a database: one writer, released by the kernel when its process dies.

Beside the lock the file tells who holds it. Whoever may write to the file can ask a holder that
gives way to release the lock: no signal is sent to a process that a file names.
"""

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
# Seconds in which a monitor that gives way ends its watch.
_HAND_OVER = 15.0
# Bytes of the file, and characters of the trouble: six bytes each at most in JSON, and some more.
_LENGTH, _MAX_SAID = 8192, 500
_WANTED = b"W"  # behind the content


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that writes to a database, and since when in microseconds; 0: it has not said.

    trouble: why it cannot write now, and keeps in memory what it sees; empty if it can.
    limits: its present limitations, beside those of its watch.
    gives_way: it ends when another monitor asks it, one with rights if it has rights itself.
    """

    pid: int
    since: int
    trouble: str = ""
    limitations: tuple[Limitation, ...] = ()
    gives_way: bool = False
    has_rights: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """Claim of a monitor to the lock beside other monitors.

    gives_way: it ends when another one asks for the lock. asks: it asks one that gives way.
    has_rights: it can read every process, and gives way only to one that can.
    """

    gives_way: bool = False
    asks: bool = False
    has_rights: bool = False


def path_of(db: Path) -> Path:
    """Path of the lock of a database."""
    return db.with_name(db.name + ".lock")


class WriterLock:
    """Context manager that holds the lock of a database.

    Raises StoreHeld if another process has it, StoreError if the folder cannot be written to.
    `folder`: take its rights to open, rename or delete a file in it by name.
    """

    def __init__(self, db: Path, now: int, claim: Claim | None = None) -> None:
        self.db = db
        self.folder = Folder.of(db.parent)
        self._path = path_of(db)
        self._now = now
        self._claim = claim or Claim()
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
                give_to_caller(self._fd, self.db.parent)
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
            "gives_way": self._claim.gives_way,
            "has_rights": self._claim.has_rights,
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

    @property
    def is_wanted(self) -> bool:
        """True if another monitor has asked for the lock, and this one gives way."""
        return self._claim.gives_way and _bytes(self._fd, 1, _LENGTH) == _WANTED

    def _take(self) -> None:
        end, has_asked = time.monotonic() + _PATIENCE, False
        while not _take(self._fd, shared=False):
            if not has_asked and self._ask():
                end, has_asked = time.monotonic() + _HAND_OVER, True
            if time.monotonic() > end:
                raise _held(self._path)
            time.sleep(_PAUSE)
        # A holder that ended while it was asked leaves NULs before the question.
        if _bytes(self._fd, _LENGTH).strip(b"\0") and _read(self._fd) is None:
            raise StoreError(
                f"{self._path} is not the lock of a PortEye database.",
                "Choose another place with --db, or move this file away.",
            )

    def _ask(self) -> bool:
        """Ask the holder for the lock, if it gives way to this monitor."""
        who = _read(self._fd)
        if who is None or not (self._claim.asks and who.gives_way):
            return False
        if who.has_rights and not self._claim.has_rights:
            return False
        try:
            os.lseek(self._fd, _LENGTH, os.SEEK_SET)
            os.write(self._fd, _WANTED)
        except OSError:
            return False
        return True

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
    """Find the process that writes to a database; None if there is none, or nobody can know."""
    try:
        return known_holder(db)
    except OSError:
        return None


def known_holder(db: Path) -> Holder | None:
    """Find the process that writes to a database; None if there is none. Raises OSError if this
    user may not know."""
    try:
        fd = open_to_read(path_of(db))
    except (FileNotFoundError, NotADirectoryError):
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
        f"Stop {'the dashboard that started it' if who.gives_way else 'it'} first, or choose"
        " another database with --db.",
    )


def _read(fd: int) -> Holder | None:
    """Read the content of a lock; None if no monitor wrote it."""
    try:
        said = json.loads(_bytes(fd, _LENGTH))
        return Holder(
            int(said["pid"]),
            int(said["since"]),
            str(said.get("trouble", "")),
            tuple(Limitation(**each) for each in said.get("limits", ())),
            bool(said.get("gives_way")),
            bool(said.get("has_rights")),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _bytes(fd: int, count: int, start: int = 0) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(fd, count, start)
    os.lseek(fd, start, os.SEEK_SET)
    return os.read(fd, count)


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
