"""A user's listeners at one endpoint, by SO_REUSEPORT, that all close at once: USER SOCKETS."""

import socket
import sys

from benchmarks.load import forking


def open_twins(sockets: int) -> list[socket.socket]:
    """Open so many listeners at a port that the kernel chooses for the first."""
    port = 0
    twins = []
    for _ in range(sockets):
        twin = socket.socket()
        twin.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        twin.bind(("127.0.0.1", port))
        port = twin.getsockname()[1]
        twin.listen(16)
        twins.append(twin)
    return twins


def main() -> None:
    """Build the load and say its port; close it all when a line comes; stay until told."""
    user, sockets = map(int, sys.argv[1:])
    forking.raise_descriptor_limit(sockets + 64)
    forking.become(user)
    twins = open_twins(sockets)
    forking.say({"port": twins[0].getsockname()[1]})
    forking.wait_for_a_line()
    for twin in twins:
        twin.close()
    forking.wait_for_the_end()


if __name__ == "__main__":
    main()
