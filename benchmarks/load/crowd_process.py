"""A user's processes with thousands of listeners each: USER LISTENERS PROCESSES, in all."""

import socket
import sys
from functools import partial

from benchmarks.load import forking
from benchmarks.load.standing_process import share

_FIRST_PORT = 10_000


def listen(number: int, listeners: int) -> list[socket.socket]:
    """Open so many listeners on the loopback address of this number."""
    address = f"127.77.{number // 250}.{number % 250 + 1}"
    sockets = []
    for port in range(_FIRST_PORT, _FIRST_PORT + listeners):
        opened = socket.socket()
        opened.bind((address, port))
        opened.listen(16)
        sockets.append(opened)
    return sockets


def main() -> None:
    """Build the load, say its pids, keep it until told."""
    user, listeners, processes = map(int, sys.argv[1:])
    forking.raise_descriptor_limit(listeners // processes + 64)
    forking.become(user)
    pids = forking.fork_and_hold(
        partial(listen, number, share(listeners, processes, number)) for number in range(processes)
    )
    forking.say({"pids": pids})
    forking.wait_for_the_end()
    forking.end(pids)


if __name__ == "__main__":
    main()
