"""Who holds a socket, why it runs, and what it uses."""

import sys

from porteye_core.owner.finder import OwnerFinder
from porteye_core.owner.processes import Processes
from porteye_core.owner.usage import UsageMeter

__all__ = ["OwnerFinder", "UsageMeter", "processes"]


def processes(booted_at: int) -> Processes:
    """The reader for this system; `booted_at` is the moment that Linux counts start times from."""
    if sys.platform == "linux":
        from porteye_core.owner.proc import LinuxProcesses  # noqa: PLC0415 - needs Linux's pwd

        return LinuxProcesses(booted_at)
    from porteye_core.owner.any_system import PsutilProcesses  # noqa: PLC0415 - only where needed

    return PsutilProcesses()
