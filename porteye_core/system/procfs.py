"""Reader of /proc/PID/stat, of a process or one thread; see proc_pid_stat(5)."""

import os

_SIZE = 4096  # bytes: all fields that are used stand among the first 400


def read_head(path: str) -> bytes:
    """The beginning of a file. Raises OSError.

    Three system calls instead of a file object's six: every process is read, and of threads that
    come and go thousands a second.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, _SIZE)
    finally:
        os.close(fd)


def stat_fields(path: str) -> tuple[bytes, list[bytes]]:
    """The name in a file /proc/PID/stat, and the fields after it, from the state, field 3, on.

    The name may contain spaces and brackets: it ends at the last bracket. Raises OSError; of a
    process that ended during the read fields are missing.
    """
    before, _, after = read_head(path).rpartition(b") ")
    return before.partition(b"(")[2], after.split()
