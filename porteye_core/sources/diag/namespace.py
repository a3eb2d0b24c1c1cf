"""Work inside of another network namespace.

Numbers: include/uapi/linux/sched.h in the Linux sources.
"""

import errno
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from porteye_core.errors import SourceError

_T = TypeVar("_T")

_CLONE_NEWNET = 0x40000000
_DENIED = (errno.EPERM, errno.EACCES)


def inside(namespace: Path | None, make: Callable[[], _T]) -> _T:
    """What `make` makes inside of this network namespace, None being the one here.

    Raises SourceError when the namespace has gone or may not be entered, and what `make` raises.
    """
    if namespace is None:
        return make()
    made: list[_T] = []
    failed: list[BaseException] = []

    def enter() -> None:
        try:
            _enter(namespace)
            made.append(make())
        except BaseException as err:  # noqa: BLE001 - raised again by the thread that asked
            failed.append(err)

    # A namespace belongs to a thread: this one ends in it, so that there is no way back to fail.
    thread = threading.Thread(target=enter, name="netns")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]


def _enter(namespace: Path) -> None:
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
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
