"""Established loopback connections, both ends held here: PAIRS PROCESSES."""

import socket
import struct
import sys
from functools import partial

from benchmarks.load import forking
from benchmarks.load.standing_process import share

# Closing sends a reset, so that no end stays behind in TIME-WAIT for a minute.
_RESET = struct.pack("ii", 1, 0)


def connect(pairs: int) -> list[socket.socket]:
    """So many connections; the listener that took them is closed again."""
    ends = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        for _ in range(pairs):
            client = socket.create_connection(listener.getsockname())
            server, _address = listener.accept()
            ends += [client, server]
    for each in ends:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    return ends


def main() -> None:
    """Build the load, say its pids, keep it until told."""
    pairs, processes = map(int, sys.argv[1:])
    forking.raise_descriptor_limit(2 * pairs // processes + 64)
    pids = forking.fork_and_hold(
        partial(connect, share(pairs, processes, at)) for at in range(processes)
    )
    forking.say({"pids": pids})
    forking.wait_for_the_end()
    forking.end(pids)


if __name__ == "__main__":
    main()
