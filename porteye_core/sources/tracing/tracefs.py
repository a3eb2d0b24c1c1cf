"""The kernel's trace file system, and a private trace instance in it."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from porteye_core.errors import SourceError
from porteye_core.sources.tracing.detached_mount import detached_mount
from porteye_core.sources.tracing.proc_thread import stat

_PLACES = (Path("/sys/kernel/tracing"), Path("/sys/kernel/debug/tracing"))
_LOCKDOWN = Path("/sys/kernel/security/lockdown")
_NAME = re.compile(r"porteye-(\d+)-(\d+)-\d+")
_serial = count()


@contextmanager
def tracefs() -> Iterator[Path]:
    """Root of the trace file system, with a private mount if it is not mounted yet.

    The debugfs path comes last, because an access can make the kernel mount it for everybody.
    Raises SourceError.
    """
    if _is_mounted(_PLACES[0]):
        yield _PLACES[0]
        return
    try:
        mount = detached_mount("tracefs")
    except OSError as err:
        if not _is_mounted(_PLACES[1]):
            raise refused(err, "The kernel's trace file system cannot be mounted") from err
        yield _PLACES[1]
        return
    try:
        yield Path(f"/proc/self/fd/{mount}")
    finally:
        os.close(mount)


class Instance:
    """Private trace instance, removed at exit; its name identifies this process."""

    def __init__(self, root: Path) -> None:
        pid = os.getpid()
        self.name = f"porteye-{pid}-{_started(pid)}-{next(_serial)}"
        self.path = root / "instances" / self.name
        self._events: list[str] = []

    def __enter__(self) -> Self:
        """Make the instance; raises SourceError."""
        try:
            self.path.mkdir()
        except OSError as err:
            raise refused(err, "The kernel made no trace instance") from err
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # An instance that somebody reads cannot be removed: it stays disabled until the next start.
        with suppress(OSError):
            for event in self._events:
                (self.path / "events" / event / "enable").write_text("0")
        with suppress(OSError):
            self.path.rmdir()

    def write(self, name: str, value: str) -> None:
        """Write a file of the instance; raises SourceError."""
        try:
            (self.path / name).write_text(value)
        except OSError as err:
            raise refused(err, f"The kernel refused {value!r} for trace file {name}") from err

    def read(self, name: str) -> str:
        """Read a file of the instance; raises SourceError."""
        try:
            return (self.path / name).read_text()
        except OSError as err:
            raise refused(err, f"Trace file {name} cannot be read") from err

    def check(self, event: str) -> None:
        """Raise SourceError if the kernel has no such event ("group/name")."""
        if not (self.path / "events" / event).is_dir():
            raise SourceError(
                f"This kernel has no tracepoint {event}.",
                "Linux 4.16 and later have it; use another --source.",
            )

    def enable(self, event: str, condition: str) -> None:
        """Record an event where a condition holds; the kernel checks it. Raises SourceError."""
        self.check(event)
        if condition:
            self.write(f"events/{event}/filter", condition)
        self._events.append(event)
        self.write(f"events/{event}/enable", "1")

    def is_enabled(self) -> bool:
        """Tell that the instance still records; other tracing tools can switch it off."""
        return all(
            self.read(name).strip() == "1"
            for name in ("tracing_on", *(f"events/{event}/enable" for event in self._events))
        )


def remove_stale(root: Path) -> None:
    """Remove the instances of killed monitors, not those of living ones."""
    with suppress(OSError):
        for path in (root / "instances").iterdir():
            owner = _NAME.fullmatch(path.name)
            if owner and _started(int(owner[1])) != int(owner[2]):
                with suppress(OSError):  # in use by an owner in another pid namespace
                    path.rmdir()


def _is_mounted(place: Path) -> bool:
    with suppress(OSError):  # only root may read it
        return (place / "instances").is_dir()
    return False


def _started(pid: int) -> int | None:
    found = stat(pid)
    return found.started if found else None


def refused(err: OSError, what: str) -> SourceError:
    """Error for a refusal of the kernel, with a hint to what would allow it."""
    return SourceError(f"{what}: {err.strerror}.", _hint(err.errno))


def _hint(number: int | None) -> str:
    if number in (errno.EPERM, errno.EACCES):
        if _is_locked_down():
            return "The kernel is locked down (confidentiality): use another --source."
        return (
            "Kernel events need root, outside of any user namespace and with CAP_SYS_ADMIN: start"
            " the monitor with sudo, or use another --source."
        )
    if number in (errno.ENOMEM, errno.ENOSPC):
        return "The kernel has no memory for another trace instance: remove old ones."
    if number in (errno.ENODEV, errno.ENOSYS, errno.ENOENT):
        return "This kernel has no tracing, or it must be mounted first: mount -t tracefs."
    return "Use another --source."


def _is_locked_down() -> bool:
    with suppress(OSError):
        return "[confidentiality]" in _LOCKDOWN.read_text()
    return False
