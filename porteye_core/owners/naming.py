"""Owners of sockets that the kernel announced, from the pids in its events."""

import os
from dataclasses import replace

from porteye_core.model import (
    AttributedSocket,
    Hidden,
    KernelEvent,
    Process,
    ProcessKey,
    Program,
    Socket,
)
from porteye_core.owners.descriptions import Descriptions
from porteye_core.owners.processes import field


class Naming:
    """Attribution of announced sockets; describes each process once."""

    def __init__(self, descriptions: Descriptions) -> None:
        self._descriptions = descriptions
        self._read: dict[int, tuple[Process]] = {}
        self._gone: dict[tuple[int, str], Process] = {}

    def owned(self, kernel_event: KernelEvent) -> AttributedSocket:
        """Attribute an opened socket; an ended process has only pid and name."""
        pid = kernel_event.pid
        assert pid is not None  # each record of an opening has a pid
        # A process that was alive at one event was alive at the later ones.
        if pid not in self._read:
            process = self._descriptions.of_earlier(pid, kernel_event.at)
            if process:
                self._read[pid] = (process,)
        if pid in self._read:
            endpoint = replace(kernel_event.endpoint, netns=_netns(pid, kernel_event.tid or pid))
            holders = self._read[pid]
            return AttributedSocket(Socket(endpoint, pid=pid), holders[0], holders)
        gone = self._gone.setdefault(
            (pid, kernel_event.name),
            Process(ProcessKey(pid, kernel_event.at), Program(field(kernel_event.name))),
        )
        return AttributedSocket(Socket(kernel_event.endpoint, pid=pid), gone, (gone,), Hidden.GONE)


def _netns(pid: int, tid: int) -> int | None:
    try:
        path = f"/proc/{pid}/task/{tid}/ns/net"
        return os.stat(path).st_ino  # noqa: PTH116 - no Path for one number
    except OSError:
        return None
