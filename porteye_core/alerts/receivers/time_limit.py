"""The time limit of a try: when it is over, or the process stops, what waits is woken."""

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

_LEAST = 0.001  # seconds: a timeout of 0 would mean not to wait, which is another error


class TimeLimit:
    """Context manager that ends what it watches after some seconds, or when it is told to.

    A time limit of a socket counts for one read alone, and a server that sends a byte now and then
    never exceeds it.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._is_ended = False
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._copies: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self.end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for each in self._copies:
                each.close()
            self._copies.clear()

    @property
    def is_over(self) -> bool:
        """Tell that no time is left, or that it was ended."""
        return self._is_ended or time.monotonic() >= self._end

    def left(self) -> float:
        """Seconds that are left; raises TimeoutError if there are none."""
        if self.is_over:
            raise TimeoutError
        return max(self._end - time.monotonic(), _LEAST)

    def end(self) -> None:
        """End everything that is watched, now."""
        with self._lock:
            self._is_ended = True
            for each in self._copies:
                _shut(each)

    def watch(self, connection: socket.socket) -> None:
        """Shut a connection down at the end, also if TLS is begun in it meanwhile."""
        # TLS takes the descriptor away from its socket; a copy leads to the same connection.
        copy = connection.dup()
        with self._lock:
            self._copies.append(copy)
            if self.is_over:
                _shut(copy)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # the other end has closed it
        connection.shutdown(socket.SHUT_RDWR)
