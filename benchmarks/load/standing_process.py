"""Processes that hold listeners and descriptors: LISTENERS PROCESSES DESCRIPTORS, in all."""

import os
import socket
import sys
from functools import partial
from pathlib import Path

from benchmarks.load import forking


def hold(listeners: int, descriptors: int) -> tuple[list[socket.socket], list[int]]:
    """Open so many listeners, and /dev/null until the process has so many descriptors."""
    sockets = []
    for _ in range(listeners):
        opened = socket.socket()
        opened.bind(("127.0.0.1", 0))
        opened.listen(16)
        sockets.append(opened)
    # Two of those listed do not last: that of the listing, and the pipe that says "ready".
    missing = descriptors - (len(list(Path("/proc/self/fd").iterdir())) - 2)
    return sockets, [os.open(os.devnull, os.O_RDONLY) for _ in range(missing)]


def share(total: int, parts: int, index: int) -> int:
    """The part of a total that falls to this one when it is spread evenly."""
    return total * (index + 1) // parts - total * index // parts


def main() -> None:
    """Build the load, say its pids, keep it until told."""
    listeners, processes, descriptors = map(int, sys.argv[1:])
    forking.raise_descriptor_limit(descriptors // processes + 64)
    pids = forking.fork_and_hold(
        partial(hold, share(listeners, processes, at), share(descriptors, processes, at))
        for at in range(processes)
    )
    forking.say({"pids": pids})
    forking.wait_for_the_end()
    forking.end(pids)


if __name__ == "__main__":
    main()
