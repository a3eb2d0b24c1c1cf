"""Owners of sockets: their processes, the reason why these run, and their use."""

import sys

from porteye_core.owners.finder import OwnerFinder
from porteye_core.owners.processes import Processes
from porteye_core.owners.usage import UsageMeter

__all__ = ["OwnerFinder", "UsageMeter", "processes"]


def processes(booted_at: int) -> Processes:
    """Reader of processes for this system; `booted_at`: time of the boot, origin of start times."""
    if sys.platform == "linux":
        from porteye_core.owners.linux_processes import LinuxProcesses  # noqa: PLC0415 - needs Linux's pwd

        return LinuxProcesses(booted_at)
    from porteye_core.owners.psutil_processes import PsutilProcesses  # noqa: PLC0415 - only where needed

    return PsutilProcesses()
