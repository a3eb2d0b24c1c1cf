"""Reader of /proc for one process or thread."""

from typing import NamedTuple

from porteye_core.system.procfs import read_head, stat_fields


class Stat(NamedTuple):
    """Name of a thread, and its start in clock ticks since boot."""

    name: str
    started: int


def stat(tid: int) -> Stat | None:
    """Read /proc/<tid>/stat; None if there is no such thread."""
    try:
        name, fields = stat_fields(f"/proc/{tid}/stat")
        return Stat(text_of(name), int(fields[19]))  # starttime, field 22
    except (OSError, IndexError, ValueError):  # the thread ended, perhaps during the read
        return None


def process_of(tid: int) -> int | None:
    """Process id of a thread; None if there is no such thread."""
    try:
        text = read_head(f"/proc/{tid}/status")
        return int(text.partition(b"\nTgid:\t")[2].split(maxsplit=1)[0])
    except (OSError, IndexError, ValueError):
        return None


def text_of(name: bytes) -> str:
    """Decode a program's name from the kernel's 16 bytes, which end with a NUL."""
    return name.partition(b"\0")[0].decode("utf-8", "replace")
