"""A network namespace of the zoo's own: every port is free, and who is in it belongs to the zoo."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from benchmarks.service import until

_CLONE_NEWNET = 0x40000000  # linux/sched.h
_GRACE = 10.0  # seconds after SIGTERM, and after SIGKILL


def enter_new() -> int:
    """Move this thread, and what it starts from now on, into a new network namespace.

    Returns the inode of the namespace. Raises OSError.
    """
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, f"no network namespace can be made: {os.strerror(number)}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    return Path("/proc/thread-self/ns/net").stat().st_ino


def end_others(namespace: int, but: Collection[int]) -> None:
    """End every process in this network namespace but these. Raises RuntimeError."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in _inside(namespace, but):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        if until(lambda: not list(_inside(namespace, but)), _GRACE):
            return
    raise RuntimeError(f"these processes do not end: {list(_inside(namespace, but))}")


def _inside(namespace: int, but: Collection[int]) -> Iterator[int]:
    for process in Path("/proc").glob("[0-9]*"):
        pid = int(process.name)
        with suppress(OSError):  # it has ended, or is a zombie, which is in no namespace
            if pid not in but and (process / "ns/net").stat().st_ino == namespace:
                yield pid
