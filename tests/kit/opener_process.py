"""A process that opens and closes sockets as it is told, one command a line on standard input.

listen FAMILY KIND PORT [reuse]     -> the port        fork N   -> the children's pids
bind FAMILY KIND PORT [reuse]       -> the port        rename HEX -> renamed
close PORT of a listener            -> closed          quit

A socket and its process can part, and what the process is can change:

open KIND               -> the port, at an address of its own
daemonize SECONDS FORKS -> the port and the pid of who is left: it opens one, waits, and forks
replace COUNT           -> the pids of new children, once those before have ended
leave                   -> the pid of who is left: it forks, and ends
delegate ends|stays     -> the port and the pid of a worker, which gets it over a Unix socket
execute PATH WORD…      -> executed, by the program, which is this one under another name
chdir PATH              -> moved           become UID     -> became
title WORD…             -> titled          outlive        -> outlived: the first thread ends
split                   -> split: a thread with a table of descriptors of its own goes on
unshare                 -> unshared        enter PATH     -> entered, a network namespace
"""

import ctypes
import fcntl
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.kit.opener import address_of
from tests.kit.titled_processes import retitle

FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
LOOPBACK = {"ipv4": "127.0.0.1", "ipv6": "::1"}
# include/uapi/linux/sched.h
CLONE_FILES, CLONE_NEWNET = 0x400, 0x40000000
# include/uapi/linux/sockios.h and if.h
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def bound(family: str, kind: str, port: str, *options: str) -> socket.socket:
    opened = socket.socket(FAMILIES[family], KINDS[kind])
    if "reuse" in options:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    opened.bind((LOOPBACK[family], int(port)))
    return opened


def bring_loopback_up() -> None:
    with socket.socket() as any_one:
        fcntl.ioctl(any_one, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def port_of(opened: socket.socket) -> int:
    port = opened.getsockname()[1]
    assert isinstance(port, int)
    return port


def fork() -> int:
    pid = os.fork()
    if pid == 0:
        while os.getppid() != 1:  # an orphan ends: no test leaves one behind
            time.sleep(0.05)
        os._exit(0)
    return pid


def check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Opener:
    """The sockets, and the commands, each of which returns its answer."""

    def __init__(self) -> None:
        self._open: list[socket.socket] = []
        self._bound: dict[int, socket.socket] = {}
        self._children: list[int] = []
        self._address = address_of(os.getpid())

    def serve(self) -> None:
        commands: dict[str, Callable[..., str]] = {
            name: getattr(self, name)
            for name in dir(self)
            if not name.startswith("_") and name != "serve"
        }
        for line in sys.stdin:
            command, *words = line.split()
            if command == "quit":
                return
            print(commands[command](*words), flush=True)

    def bind(self, *words: str) -> str:
        opened = bound(*words)
        self._bound[port_of(opened)] = opened
        return f"{port_of(opened)}"

    def listen(self, family: str, kind: str, port: str, *options: str) -> str:
        opened = self._bound.pop(int(port), None) or bound(family, kind, port, *options)
        if kind == "tcp":
            opened.listen(16)
        self._open.append(opened)
        return f"{port_of(opened)}"

    def close(self, port: str) -> str:
        found = next(each for each in self._open if port_of(each) == int(port))
        self._open.remove(found)
        found.close()
        return "closed"

    def fork(self, count: str) -> str:
        forked = [fork() for _ in range(int(count))]
        self._children += forked
        return " ".join(map(str, forked))

    def replace(self, count: str) -> str:
        for each in self._children:
            os.kill(each, signal.SIGKILL)
            os.waitpid(each, 0)
        self._children.clear()
        return self.fork(count)

    def open(self, kind: str) -> str:
        opened = socket.socket(socket.AF_INET, KINDS[kind])
        opened.bind((self._address, 0))
        if kind == "tcp":
            opened.listen(16)
        self._open.append(opened)
        return f"{port_of(opened)}"

    def daemonize(self, seconds: str, forks: str) -> str:
        port = self.open("tcp")
        time.sleep(float(seconds))
        for _ in range(int(forks)):
            left = self.leave()
        return f"{port} {left}"

    def leave(self) -> str:
        if os.fork():
            os._exit(0)
        return f"{os.getpid()}"

    def delegate(self, after: str) -> str:
        ours, theirs = socket.socketpair()
        worker = os.fork()
        if worker:
            port = self.open("tcp")
            socket.send_fds(ours, [b"take it"], [self._open[-1].fileno()])
            self.close(port)
            if after == "stays":
                os.waitpid(worker, 0)
            os._exit(0)
        ours.close()
        _, descriptors, _, _ = socket.recv_fds(theirs, 16, 1)
        self._open.append(socket.socket(fileno=descriptors[0]))
        return f"{port_of(self._open[-1])} {os.getpid()}"

    def execute(self, path: str, *words: str) -> str:
        for each in self._open:
            each.set_inheritable(True)
        os.execv(path, [path, "executed", *words])

    def chdir(self, path: str) -> str:
        os.chdir(path)
        return "moved"

    def become(self, uid: str) -> str:
        os.setgroups([])
        os.setgid(int(uid))
        os.setuid(int(uid))
        return "became"

    def rename(self, name: str) -> str:
        Path("/proc/self/comm").write_bytes(bytes.fromhex(name))
        return "renamed"

    def title(self, *words: str) -> str:
        retitle(list(words))
        return "titled"

    def outlive(self) -> str:
        leader = threading.get_native_id()

        def go_on() -> None:
            while b") Z " not in Path(f"/proc/self/task/{leader}/stat").read_bytes():
                time.sleep(0.01)
            print("outlived", flush=True)
            self.serve()

        threading.Thread(target=go_on).start()
        ctypes.CDLL(None).pthread_exit(None)
        raise AssertionError("unreachable")

    def split(self) -> str:
        def go_on() -> None:
            check(ctypes.CDLL(None, use_errno=True).unshare(CLONE_FILES))
            print("split", flush=True)
            self.serve()

        thread = threading.Thread(target=go_on)
        thread.start()
        thread.join()
        sys.exit()

    def unshare(self) -> str:
        check(ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET))
        bring_loopback_up()
        return "unshared"

    def enter(self, path: str) -> str:
        with Path(path).open() as namespace:
            check(ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET))
        return "entered"


if __name__ == "__main__":
    if sys.argv[1:2] == ["executed"]:
        print("executed", flush=True)
    Opener().serve()
