"""The one place that knows which code a steady scan of the monitor runs."""

import atexit
import time
from collections.abc import Callable, Sequence

from porteye_core.model import AttributedSocket, ScanDepth, Socket
from porteye_core.owners import OwnerFinder, processes
from porteye_core.sources import pick
from porteye_core.system import privilege


def porteye_scan() -> Callable[[], object]:
    """A scan with owners, as the monitor takes it once an interval between two samples."""
    rights = privilege.rights()
    source = pick("auto", enters_namespaces=rights.enters_namespaces).source
    atexit.register(source.close)
    booted_at = (time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)) // 1000
    finder = OwnerFinder(processes(booted_at), privileged=rights.reads_everyone)
    before: Sequence[Socket] | None = None
    owned: tuple[AttributedSocket, ...] = ()

    def scan() -> object:
        nonlocal before, owned
        sockets = source.read(ScanDepth.SOCKETS).sockets or ()
        if sockets is not before:
            owned, before = finder.own(sockets), sockets
        return owned

    return scan
