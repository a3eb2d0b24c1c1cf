"""What /proc knows of one process or thread."""

from pathlib import Path
from typing import NamedTuple


class Stat(NamedTuple):
    """A thread's own name, and its start in clock ticks since boot."""

    name: str
    started: int


def stat(tid: int) -> Stat | None:
    """Reads /proc/<tid>/stat; None when there is no such thread.

    The name may hold spaces and brackets. starttime is field 22 of proc_pid_stat(5), and the state
    behind the last bracket is field 3.
    """
    try:
        text = Path(f"/proc/{tid}/stat").read_bytes()
        before, _, after = text.rpartition(b") ")
        return Stat(text_of(before.partition(b"(")[2]), int(after.split()[19]))
    except (OSError, IndexError, ValueError):  # gone, perhaps half way
        return None


def process_of(tid: int) -> int | None:
    """The process that a thread belongs to; None when there is no such thread."""
    try:
        text = Path(f"/proc/{tid}/status").read_bytes()
        return int(text.partition(b"\nTgid:\t")[2].split(maxsplit=1)[0])
    except (OSError, IndexError, ValueError):
        return None


def text_of(name: bytes) -> str:
    """A program's name from the kernel's 16 bytes, which end with a NUL."""
    return name.partition(b"\0")[0].decode("utf-8", "replace")
