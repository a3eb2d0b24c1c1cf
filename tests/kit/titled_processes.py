"""Processes with the command lines that standard input gives, as JSON, each with a listener.

A child of this one replaces what the kernel shows as its command line, as servers do to show their
state, and listens; the ports are printed in the order of the command lines. All end with the
standard input.
"""

import json
import os
import socket
import sys
from pathlib import Path

# arg_start and arg_end, the 48th and 49th field of proc_pid_stat(5), counted from the third.
_ARGUMENTS = slice(45, 47)


def main() -> None:
    """Started with an argument that is longer than any of the command lines."""
    end, hold = os.pipe()
    ports, tell = os.pipe()
    for words in json.loads(sys.stdin.readline()):
        if os.fork() == 0:
            os.close(hold)
            retitle(words)
            listener = socket.create_server(("127.0.0.1", 0))
            os.write(tell, b"%d\n" % listener.getsockname()[1])
            os.read(end, 1)  # returns once the parent has gone
            os._exit(0)
        print(os.read(ports, 16).decode().strip(), end=" ")
    print(flush=True)
    sys.stdin.read()


def retitle(words: list[str]) -> None:
    text = Path("/proc/self/stat").read_bytes().rpartition(b") ")[2]
    start, end = map(int, text.split()[_ARGUMENTS])
    title = b"".join(word.encode() + b"\0" for word in words)
    with Path("/proc/self/mem").open("r+b", buffering=0) as memory:
        memory.seek(start)
        memory.write(title.ljust(end - start, b"\0"))
    Path("/proc/self/comm").write_bytes(os.path.basename(words[0]).encode()[:15])  # noqa: PTH119


if __name__ == "__main__":
    main()
