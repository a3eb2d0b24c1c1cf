"""Stop the process that holds a listener: certain that it is that one, and true about the end."""

import os
import signal
import sys

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
