"""Reader of /proc for one process or thread."""

import os
from typing import NamedTuple

_MOST = 4096  # bytes: what is used stands among the first 400


class Stat(NamedTuple):
    """Name of a thread, and its start in clock ticks since boot."""

    name: str
    started: int


def stat(tid: int) -> Stat | None:
    """Read /proc/<tid>/stat; None if there is no such thread.

    The name may contain spaces and brackets. In proc_pid_stat(5) the state, which follows the last
    bracket, is field 3, and starttime is field 22.
    """
    try:
        text = _read(f"/proc/{tid}/stat")
        before, _, after = text.rpartition(b") ")
        return Stat(text_of(before.partition(b"(")[2]), int(after.split()[19]))
    except (OSError, IndexError, ValueError):  # the thread ended, perhaps during the read
        return None


def process_of(tid: int) -> int | None:
    """Process id of a thread; None if there is no such thread."""
    try:
        text = _read(f"/proc/{tid}/status")
        return int(text.partition(b"\nTgid:\t")[2].split(maxsplit=1)[0])
    except (OSError, IndexError, ValueError):
        return None


def _read(path: str) -> bytes:
    """The beginning of a file: of threads that come and go, thousands a second are looked up."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, _MOST)
    finally:
        os.close(fd)


def text_of(name: bytes) -> str:
    """Decode a program's name from the kernel's 16 bytes, which end with a NUL."""
    return name.partition(b"\0")[0].decode("utf-8", "replace")
