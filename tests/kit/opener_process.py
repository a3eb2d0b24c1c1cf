"""A process that opens and closes sockets as it is told, one command a line on standard input.

listen FAMILY KIND PORT [reuse]     -> the port        fork N   -> the children's pids
bind FAMILY KIND PORT [reuse]       -> the port        rename HEX -> renamed
close PORT of a listener            -> closed          quit
"""

import os
import socket
import sys
import time
from pathlib import Path

FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
LOOPBACK = {"ipv4": "127.0.0.1", "ipv6": "::1"}


def bound(family: str, kind: str, port: str, *options: str) -> socket.socket:
    opened = socket.socket(FAMILIES[family], KINDS[kind])
    if "reuse" in options:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    opened.bind((LOOPBACK[family], int(port)))
    return opened


def fork() -> int:
    pid = os.fork()
    if pid == 0:
        while os.getppid() != 1:  # an orphan ends: no test leaves one behind
            time.sleep(0.05)
        os._exit(0)
    return pid


def main() -> None:
    open_sockets: list[socket.socket] = []
    held: dict[int, socket.socket] = {}
    for line in sys.stdin:
        command, *words = line.split()
        if command == "bind":
            opened = bound(*words)
            held[opened.getsockname()[1]] = opened
            print(opened.getsockname()[1], flush=True)
        elif command == "listen":
            port = int(words[2])
            opened = held.pop(port) if port in held else bound(*words)
            if words[1] == "tcp":
                opened.listen(16)
            open_sockets.append(opened)
            print(opened.getsockname()[1], flush=True)
        elif command == "fork":
            print(*(fork() for _ in range(int(words[0]))), flush=True)
        elif command == "close":
            found = next(s for s in open_sockets if s.getsockname()[1] == int(words[0]))
            open_sockets.remove(found)
            found.close()
            print("closed", flush=True)
        elif command == "rename":
            Path("/proc/self/comm").write_bytes(bytes.fromhex(words[0]))
            print("renamed", flush=True)
        elif command == "quit":
            return


if __name__ == "__main__":
    main()
