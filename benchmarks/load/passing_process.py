"""A user's processes that each listen once and end, at a steady rate until told: USER RATE.

fork(2) of an interpreter makes some hundreds of processes a second, so clone(2) is called here with
the memory shared: the function that the child runs is listen(2) itself, and it ends with that.
"""

import ctypes
import os
import select
import signal
import socket
import sys
import time
from collections import deque

from benchmarks.load import forking

_CLONE_VM = 0x100  # linux/sched.h
_AT_ONCE = 64  # children that have not been waited for
_STACK = 1 << 16
_ALIGNED = 16
_BATCH, _LONGEST = 0.01, 0.1  # seconds: between two batches, and for one

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.clone.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
_LISTEN = ctypes.cast(_LIBC.listen, ctypes.c_void_p)


class Passing:
    """Children that listen and end, each on a stack of its own."""

    def __init__(self) -> None:
        self._memory = [ctypes.create_string_buffer(_STACK) for _ in range(_AT_ONCE)]
        tops = (ctypes.addressof(each) + _STACK for each in self._memory)
        self._free = [top // _ALIGNED * _ALIGNED for top in tops]
        self._present: deque[tuple[int, int]] = deque()
        self.came = 0

    def pass_by(self) -> None:
        """Start one child; its socket is closed by its end. Raises OSError."""
        if not self._free:
            self._wait()
        top = self._free.pop()
        with socket.socket() as opened:
            opened.bind(("127.0.0.1", 0))
            pid = _LIBC.clone(_LISTEN, top, _CLONE_VM | signal.SIGCHLD, opened.fileno())
        if pid < 0:
            raise OSError(ctypes.get_errno(), "no process can be made")
        self._present.append((pid, top))
        self.came += 1

    def end(self) -> None:
        """Wait for every child. Raises RuntimeError if one could not listen."""
        while self._present:
            self._wait()

    def _wait(self) -> None:
        pid, top = self._present.popleft()
        _, status = os.waitpid(pid, 0)
        if status:
            raise RuntimeError(f"a process could not listen: {os.waitstatus_to_exitcode(status)}")
        self._free.append(top)


def main() -> None:
    """Keep to the rate until told to end; say how many there were, in how long."""
    user, rate = int(sys.argv[1]), float(sys.argv[2])
    forking.become(user)
    passing = Passing()
    forking.say("ready")
    began = time.monotonic()
    while not select.select([sys.stdin], [], [], _BATCH)[0]:
        now = time.monotonic()
        while passing.came < (now - began) * rate and time.monotonic() - now < _LONGEST:
            passing.pass_by()
    seconds = time.monotonic() - began
    passing.end()
    forking.say({"came": passing.came, "seconds": seconds})


if __name__ == "__main__":
    main()
