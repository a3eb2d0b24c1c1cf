"""Work inside of another network namespace.

Numbers: include/uapi/linux/sched.h and nsfs.h in the Linux sources.
"""

import errno
import fcntl
import os
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from porteye_core.errors import SourceError

_T = TypeVar("_T")

_CLONE_NEWNET = 0x40000000
_NS_GET_USERNS, _NS_GET_OWNER_UID = 0xB701, 0xB704
_UID = struct.Struct("=I")
_DENIED = (errno.EPERM, errno.EACCES)


def inside(namespace: Path | None, make: Callable[[], _T]) -> _T:
    """Run `make` inside this network namespace; None is the current one.

    Raises SourceError if the namespace has gone or may not be entered, and what `make` raises.
    """
    if namespace is None:
        return make()

    def enter_and_make() -> _T:
        enter(namespace)
        return make()

    return away(enter_and_make)


def away(make: Callable[[], _T]) -> _T:
    """The result of `make` in a thread of its own, which may enter namespaces.

    A namespace belongs to a thread: this one ends in it, so that there is no way back to fail.
    Raises what `make` raises.
    """
    made: list[_T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            made.append(make())
        except BaseException as err:  # noqa: BLE001 - raised again by the thread that asked
            failed.append(err)

    thread = threading.Thread(target=run, name="netns")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]


def owner(namespace: Path, inode: int) -> int | None:
    """The user who owns the namespace of this number, to which the path led a moment ago.

    That is root for what root made, with users of its own or without. None if the path leads to
    another now, or the kernel cannot tell (before Linux 4.11).
    """
    try:
        with namespace.open() as file:
            if os.fstat(file.fileno()).st_ino != inode:
                return None
            descriptor = fcntl.ioctl(file, _NS_GET_USERNS)
        try:
            uid = fcntl.ioctl(descriptor, _NS_GET_OWNER_UID, bytes(_UID.size))
            return int(_UID.unpack(uid)[0])
        finally:
            os.close(descriptor)
    except OSError:
        return None


def enter(namespace: Path) -> None:
    """Move this thread into a network namespace, for good. Raises SourceError."""
    try:
        with namespace.open() as file:
            _setns(file.fileno())
    except OSError as err:
        hint = "Run as root." if err.errno in _DENIED else ""
        reason = err.strerror or str(err)
        raise SourceError(f"The network namespace {namespace} is closed: {reason}.", hint) from err


def _setns(descriptor: int) -> None:
    if sys.version_info >= (3, 12):
        os.setns(descriptor, _CLONE_NEWNET)
        return
    import ctypes  # noqa: PLC0415 - only for Python 3.11, and only for other namespaces

    if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
