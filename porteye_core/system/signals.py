"""Wait for a signal, for kernel events, or for a time."""

import select
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Self

_MANY = 4096  # bytes: those of as many calls of wake


class Waiter:
    """Interruptible wait: SIGINT and SIGTERM end the current wait and all later ones."""

    def __init__(self) -> None:
        self._stopping = False
        self._woken, self._wake = socket.socketpair()
        for end in (self._woken, self._wake):
            end.settimeout(0)

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        # A signal just before the wait leaves a byte, so the wait ends at once.
        signal.set_wakeup_fd(self._wake.fileno())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.set_wakeup_fd(-1)
        self._woken.close()
        self._wake.close()

    def wait(self, seconds: float, filenos: Sequence[int]) -> bool:
        """Wait for a time or a readable descriptor; return True if a signal asked to stop."""
        if not self._stopping:
            _until_readable((self._woken.fileno(), *filenos), seconds)
            with suppress(BlockingIOError):
                self._woken.recv(_MANY)
        return self._stopping

    def wake(self) -> None:
        """End the current wait, or the next one; any thread may call it."""
        with suppress(BlockingIOError):  # it is full, and ends the wait as it is
            self._wake.send(b"\0")

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True


def _until_readable(filenos: Sequence[int], seconds: float) -> None:
    """Poll without a new descriptor, unlike epoll, because none may be free."""
    if not hasattr(select, "poll"):  # Windows
        select.select(filenos, [], [], seconds)
        return
    poll = select.poll()
    for fileno in filenos:
        poll.register(fileno, select.POLLIN)
    poll.poll(seconds * 1000)
