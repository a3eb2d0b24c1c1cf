"""A user's network namespaces, each with a process that listens in it: USER NAMESPACES."""

import socket
import sys

from benchmarks.load import forking, network

_PORT = 8080


def listen_apart() -> socket.socket:
    """Listen in new namespaces of this process's own."""
    network.unshare(network.NEW_USER | network.NEW_NET)
    opened = socket.socket()
    opened.bind(("127.0.0.1", _PORT))
    opened.listen(16)
    return opened


def main() -> None:
    """Build the load, say its pids, keep it until told."""
    user, namespaces = map(int, sys.argv[1:])
    forking.become(user)
    pids = forking.fork_and_hold(listen_apart for _ in range(namespaces))
    forking.say({"pids": pids})
    forking.wait_for_the_end()
    forking.end(pids)


if __name__ == "__main__":
    main()
