"""A process beside the tests, which starts listening processes as it is told, a command a line.

start KIND PORT      -> port and pid of a child; of `supervised` one is started again when it ends
succeed PID PORT     -> port and pid of the child with the pid of another, which it ends; or none
end PID              -> ended
It reaps its children at once, as a pid is given away again only then. Kinds: see _KINDS.
"""

import os
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

_LAST_PID = Path("/proc/sys/kernel/ns_last_pid")
_TRIES = 2_000
_ALIVE = os.pipe()  # whose other end the nursery alone keeps


def listen(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    made.listen()
    return made


def pause() -> None:
    """Until the nursery has ended."""
    os.read(_ALIVE[0], 1)
    os._exit(0)


def plain(_held: socket.socket) -> None:
    pass


def stubborn(_held: socket.socket) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def closing(held: socket.socket) -> None:
    """It closes its socket at SIGTERM, and goes on."""
    signal.signal(signal.SIGTERM, lambda *_: held.close())


def shared(_held: socket.socket) -> None:
    """A worker has the socket, too, and goes on without its parent."""
    if os.fork() == 0:
        pause()


def handing(held: socket.socket) -> None:
    """A worker has the socket instead of it."""
    shared(held)
    held.close()


_KINDS = {each.__name__: each for each in (plain, stubborn, closing, shared, handing)}


def child(kind: str, port: int) -> tuple[int, int]:
    """Port and pid of a child that listens."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        forget_nursery()
        held = listen(port)
        said = f"{held.getsockname()[1]}"
        _KINDS[kind](held)
        os.write(writing, said.encode())
        pause()
    os.close(writing)
    said = os.read(reading, 16).decode()
    os.close(reading)
    return int(said), pid


def supervised(port: int) -> tuple[int, int]:
    """Port and pid of a child of a supervisor, which starts it again when it ends."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        forget_nursery()
        while True:
            port, pid = child("plain", port)
            os.write(writing, f"{port} {pid}\n".encode())
            while os.waitpid(pid, os.WNOHANG) == (0, 0):
                if select.select([_ALIVE[0]], [], [], 0.02)[0]:
                    os._exit(0)
    port, pid = map(int, os.read(reading, 64).split())
    return port, pid


def forget_nursery() -> None:
    """Keep nothing of the nursery's that would keep it from being seen to end."""
    with suppress(OSError):  # a supervisor has done it
        os.close(_ALIVE[1])
        for standard in (0, 1):
            os.dup2(os.open(os.devnull, os.O_RDWR), standard)


def started(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[19]


def end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def successor(pid: int, port: int) -> str:
    before = started(pid)
    end(pid)
    for _ in range(_TRIES):  # others may take the pid for a moment
        _LAST_PID.write_text(f"{pid - 1}")
        found = child("plain", port)
        if found[1] == pid and started(pid) != before:
            return f"{port} {pid}"
        end(found[1])
    return "none"


def answer(command: str, *words: str) -> str:
    if command == "start":
        kind, port = words[0], int(words[1])
        made = supervised(port) if kind == "supervised" else child(kind, port)
        return f"{made[0]} {made[1]}"
    if command == "succeed":
        return successor(int(words[0]), int(words[1]))
    end(int(words[0]))
    return "ended"


def main() -> None:
    # An orphan of a parent that ends at once: in the tree of no test.
    if os.fork():
        os._exit(0)
    print(os.getpid(), flush=True)
    for line in sys.stdin:
        print(answer(*line.split()), flush=True)


if __name__ == "__main__":
    main()
