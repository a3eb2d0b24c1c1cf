"""Handles of processes that no later process with the same pid can be taken for; see pidfd_open(2).

What is read of /proc/PID after the handle was opened is of its process, as long as a signal by the
handle still reaches it: the pid is not given away before that has ended.
"""

import os
import select
import signal
from contextlib import suppress
from types import TracebackType
from typing import Self


class Handle:
    """Context manager of a process's pidfd. Raises ProcessLookupError where there is none."""

    def __init__(self, pid: int) -> None:
        self._fd = os.pidfd_open(pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._fd)

    def may_signal(self) -> bool:
        """Tell that this user may send it a signal; also true once it has ended."""
        with suppress(ProcessLookupError):
            try:
                self.send(0)
            except PermissionError:
                return False
        return True

    def send(self, number: int) -> None:
        """Send a signal. Raises ProcessLookupError once it has ended, PermissionError."""
        signal.pidfd_send_signal(self._fd, number)

    def has_ended(self, seconds: float) -> bool:
        """Wait for its end, at most so long; other threads go on."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(seconds * 1000))
