"""The process that started this one, and whether it has ended."""

import os

import psutil

_PARENT = os.getppid()


def is_orphaned() -> bool:
    """Tell that the process that started this one has ended."""
    # On Unix an orphan gets another parent; on Windows it keeps the number of the dead one.
    return os.getppid() != _PARENT or not psutil.pid_exists(_PARENT)
