"""Owners of sockets: their processes, the reason why these run, and their use."""

import sys

from porteye_core.owner.finder import OwnerFinder
from porteye_core.owner.processes import Processes
from porteye_core.owner.usage import UsageMeter

__all__ = ["OwnerFinder", "UsageMeter", "processes"]


def processes(booted_at: int) -> Processes:
    """Reader of processes for this system; `booted_at`: time of the boot, origin of start times."""
    if sys.platform == "linux":
        from porteye_core.owner.proc import LinuxProcesses  # noqa: PLC0415 - needs Linux's pwd

        return LinuxProcesses(booted_at)
    from porteye_core.owner.any_system import PsutilProcesses  # noqa: PLC0415 - only where needed

    return PsutilProcesses()
