"""Stop the process that holds a listener: certain that it is that one, and true about the end."""

import os
import signal
import sys

from porteye_core.stopping.targets import Refusal, Target, Unit
from porteye_core.stopping.ways import By, Journal, Offer, Outcome

__all__ = [
    "By",
    "Journal",
    "Offer",
    "Outcome",
    "Refusal",
    "Target",
    "Unit",
    "offer",
    "stop",
    "unavailable",
]

_NEEDED = "Stopping needs Linux 5.3 or newer, whose pidfds name a process beyond doubt"


def unavailable() -> str:
    """The reason why no process can be stopped on this system; empty if it can."""
    if sys.platform != "linux" or not hasattr(signal, "pidfd_send_signal"):
        return f"{_NEEDED}; this is {sys.platform}."
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as err:  # an older kernel, or one that a sandbox stands in for
        return f"{_NEEDED}: {err.strerror}."
    return ""


def offer(target: Target, monitor: int | None) -> Offer:
    """The ways to stop a process, where stopping is available; monitor: the pid of the
    database's."""
    from porteye_core.stopping import ending  # noqa: PLC0415 - Linux's

    return ending.offer(target, monitor)


def stop(target: Target, by: By, monitor: int | None, journal: Journal) -> Outcome:
    """Stop a process and wait for its end, for some seconds.

    Raises StopError where that is refused, StoreError where it cannot be noted, and then nothing is
    done.
    """
    from porteye_core.stopping import ending  # noqa: PLC0415 - Linux's

    return ending.stop(target, by, monitor, journal)
