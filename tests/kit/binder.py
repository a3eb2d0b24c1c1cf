"""A program that binds so many ports which the kernel chooses, each for a moment, and one that
stays; it says when it is done, and ends with its standard input."""

import socket
import sys
import time
from collections import deque

_AT_ONCE = 20
_PAUSE = 0.001


def main(address: str, port: int, binds: int) -> None:
    """Bind, and wait for the end."""
    with socket.create_server((address, port)):
        held: deque[socket.socket] = deque()
        for _ in range(binds):
            held.append(socket.create_server((address, 0)))
            if len(held) > _AT_ONCE:
                held.popleft().close()
            time.sleep(_PAUSE)
        print("done", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
