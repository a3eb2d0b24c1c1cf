"""A user's processes that share sockets: USER KIND SOCKETS PROCESSES.

KIND is `listening`, for TCP listeners, or `other`, for sockets that listen nowhere. Beside them a
UDP socket comes and goes every few seconds, so that owners are searched.
"""

import select
import signal
import socket
import sys

from benchmarks.load import forking

_PERIOD = 3.0  # seconds that the UDP socket is there


def open_one(kind: str) -> socket.socket:
    """Open one of the sockets that are shared."""
    if kind == "other":
        return socket.socket(socket.AF_UNIX)
    opened = socket.socket()
    opened.bind(("127.0.0.1", 0))
    opened.listen(16)
    return opened


def _pause() -> None:
    while True:
        signal.pause()


def main() -> None:
    """Build the load, say its pids, keep it until told."""
    user, sockets, processes = int(sys.argv[1]), int(sys.argv[3]), int(sys.argv[4])
    forking.raise_descriptor_limit(sockets + 64)
    forking.become(user)
    shared = [open_one(sys.argv[2]) for _ in range(sockets)]
    pids = [forking.fork(_pause) for _ in range(processes - 1)]
    forking.say({"pids": pids, "shared": len(shared)})
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as passing:
            passing.bind(("127.0.0.1", 0))
            if select.select([sys.stdin], [], [], _PERIOD)[0]:
                break
    forking.end(pids)


if __name__ == "__main__":
    main()
