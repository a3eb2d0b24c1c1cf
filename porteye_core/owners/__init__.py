"""Owners of sockets: their processes, the reason why these run, and their use."""

import sys
from pathlib import Path

from porteye_core.owners.container_names import ContainerNames
from porteye_core.owners.finder import OwnerFinder
from porteye_core.owners.processes import Processes
from porteye_core.owners.usage import UsageMeter

__all__ = ["ContainerNames", "OwnerFinder", "UsageMeter", "container_lookup", "processes"]


def container_lookup(runtime: Path | None = None) -> ContainerNames | None:
    """Names of containers, as this system tells them; `runtime`: the Unix socket of one to ask."""
    if sys.platform != "linux":
        return None
    from porteye_core.owners.container_files import ContainerFiles, of_user  # noqa: PLC0415 - Linux's
    from porteye_core.owners.runtime_socket import RuntimeSocket  # noqa: PLC0415 - Linux's

    asked = None if runtime is None else RuntimeSocket(str(runtime))
    return ContainerNames(ContainerFiles(), of_user, asked)


def processes(booted_at: int, names: ContainerNames | None = None) -> Processes:
    """Reader of processes for this system; `booted_at`: time of the boot, origin of start times;
    `names`: looks up the containers that it meets."""
    if sys.platform == "linux":
        from porteye_core.owners.linux_processes import LinuxProcesses  # noqa: PLC0415 - needs Linux's pwd

        return LinuxProcesses(booted_at, names=names)
    from porteye_core.owners.psutil_processes import PsutilProcesses  # noqa: PLC0415 - only where needed

    return PsutilProcesses()
