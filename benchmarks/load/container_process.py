"""A process of root in a network namespace of its own, which opens and closes sockets when told:
NAME ADDRESS.

Each line of the input has `open` or `close`, `tcp` or `udp`, and a port; the answer has the times
immediately before and after the call, in microseconds since the epoch.
"""

import socket
import sys
import time
from pathlib import Path

from benchmarks.load import forking, network

_TYPES = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def _now() -> int:
    return time.time_ns() // 1000


def main() -> None:
    """Enter a new namespace, say its number, and obey."""
    name, address = sys.argv[1:]
    forking.set_name(name)
    network.unshare(network.NEW_NET)
    forking.say({"netns": Path("/proc/self/ns/net").stat().st_ino})
    held: dict[tuple[str, int], socket.socket] = {}
    for line in sys.stdin:
        what, protocol, port = line.split()
        at = protocol, int(port)
        if what == "open":
            held[at] = opened = socket.socket(socket.AF_INET, _TYPES[protocol])
            before = _now()
            opened.bind((address, at[1]))
            if protocol == "tcp":
                opened.listen(16)
        else:
            before = _now()
            held.pop(at).close()
        forking.say({"before": before, "after": _now()})


if __name__ == "__main__":
    main()
