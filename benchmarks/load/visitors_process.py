"""Processes that come, hold listeners and go until told to stop: PROCESSES LISTENERS SECONDS.

So many are there at a time, each with so many listeners, and each leaves after so long; they leave
one after another, evenly, and another comes at once.
"""

import os
import select
import signal
import sys
import time
from collections import deque
from functools import partial

from benchmarks.load import forking
from benchmarks.load.standing_process import hold


def visit(listeners: int, number: int) -> None:
    """Hold so many listeners under a name of one's own, until killed."""
    forking.set_name(f"visitor-{number}")
    held = hold(listeners, 0)
    while held:
        signal.pause()


def main() -> None:
    """Let the eldest go and another come whenever it is time; say at the end how many came."""
    processes, listeners = int(sys.argv[1]), int(sys.argv[2])
    period = float(sys.argv[3]) / processes
    present: deque[int] = deque()
    came, due = 0, time.monotonic()
    forking.say({"pid": os.getpid()})
    while True:
        if len(present) == processes:
            forking.end([present.popleft()])
        present.append(forking.fork(partial(visit, listeners, came)))
        came += 1
        due += period
        if select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
            break
    forking.end(present)
    forking.say({"came": came})


if __name__ == "__main__":
    main()
