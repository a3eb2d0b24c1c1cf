"""Reader of /proc for one process or thread."""

from pathlib import Path
from typing import NamedTuple


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
        text = Path(f"/proc/{tid}/stat").read_bytes()
        before, _, after = text.rpartition(b") ")
        return Stat(text_of(before.partition(b"(")[2]), int(after.split()[19]))
    except (OSError, IndexError, ValueError):  # the thread ended, perhaps during the read
        return None


def process_of(tid: int) -> int | None:
    """Process id of a thread; None if there is no such thread."""
    try:
        text = Path(f"/proc/{tid}/status").read_bytes()
        return int(text.partition(b"\nTgid:\t")[2].split(maxsplit=1)[0])
    except (OSError, IndexError, ValueError):
        return None


def text_of(name: bytes) -> str:
    """Decode a program's name from the kernel's 16 bytes, which end with a NUL."""
    return name.partition(b"\0")[0].decode("utf-8", "replace")
