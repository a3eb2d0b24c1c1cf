"""Short-lived processes that open and close listeners and note when: NAME PROCESSES TOTAL SECONDS.

Each process is called NAME-0, NAME-1 and so on, and each listener lives for microseconds. With
SECONDS other than 0 a process spreads its listeners evenly over so long.
"""

import os
import socket
import sys
import time
from array import array
from functools import partial

from benchmarks.load import forking
from benchmarks.load.standing_process import share

_PAUSE = 0.01  # between two processes, so that a poller has a chance


def open_and_close(name: str, count: int, seconds: float, tell: int) -> None:
    """Open and close so many listeners, then hand over the notes."""
    forking.set_name(name)
    notes = array("q")
    now = time.time_ns
    began = time.monotonic()
    for number in range(count):
        early = began + number * seconds / count - time.monotonic()
        if seconds and early > 0:
            time.sleep(early)
        opened = socket.socket()
        opened.bind(("127.0.0.1", 0))
        port = opened.getsockname()[1]
        before = now()
        opened.listen(16)
        after = now()
        opened.close()
        notes.extend((port, before, after, now()))
    with os.fdopen(tell, "wb") as out:
        out.write(notes.tobytes())


def opener(name: str, count: int, seconds: float) -> dict[str, object]:
    """One process from beginning to end, and what it noted."""
    answers, tell = os.pipe()
    pid = forking.fork(partial(open_and_close, name, count, seconds, tell))
    os.close(tell)
    notes = array("q")
    with os.fdopen(answers, "rb") as source:
        notes.frombytes(source.read())
    os.waitpid(pid, 0)
    return {"pid": pid, "name": name, "notes": notes.tolist()}


def main() -> None:
    """Run the openers one after another and say what they noted."""
    name, processes, total = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    seconds = float(sys.argv[4])
    openers = []
    for at in range(processes):
        openers.append(opener(f"{name}-{at}", share(total, processes, at), seconds))
        time.sleep(_PAUSE)
    forking.say(openers)
    forking.wait_for_the_end()


if __name__ == "__main__":
    main()
