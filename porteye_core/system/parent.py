"""The process that started this one, and whether it has ended."""

import os

_PARENT = os.getppid()


def is_orphaned() -> bool:
    """Tell that the process that started this one has ended."""
    if os.name != "nt":
        return os.getppid() != _PARENT  # an orphan gets another parent
    import psutil  # noqa: PLC0415 - 2 MiB, for Windows alone, where it keeps that number

    return not psutil.pid_exists(_PARENT)
