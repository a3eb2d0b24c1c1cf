"""A user without rights who makes network namespaces.

As a program: the user, and the numbers of namespaces to make and of those among them with
listeners; prints their inodes as JSON and keeps them until its input ends.
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.kit.as_nobody import NOBODY
from tests.kit.service import PROJECT, environment

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG = 1
_PORT = 8080


class Made(NamedTuple):
    """The inodes of namespaces with listeners, and of those without."""

    listening: frozenset[int]
    silent: frozenset[int]


@contextmanager
def stranger(namespaces: int, listening: int = 0, user: int = NOBODY) -> Iterator[Made]:
    """Namespaces of a user, which last as long as the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.kit.stranger", *map(str, (user, namespaces, listening))],
        cwd=PROJECT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        numbers = json.loads(process.stdout.readline())
        yield Made(frozenset(numbers[:listening]), frozenset(numbers[listening:]))
    finally:
        process.kill()  # and the kernel those that it made
        process.communicate()


def _make(is_listening: bool) -> int:  # noqa: FBT001
    """Make one namespace with a process that keeps it; returns its inode."""
    ends, wants = os.pipe()
    parent = os.getpid()
    if os.fork():
        os.close(wants)
        with open(ends) as said:  # noqa: PTH123
            return int(said.read())
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) or os.getppid() != parent:
        os._exit(1)
    kept = [_listener(), _bound()] if is_listening else []
    os.write(wants, str(Path("/proc/self/ns/net").stat().st_ino).encode())
    os.close(wants)
    while True:
        signal.pause()
        assert kept is not None


def _listener() -> socket.socket:
    return socket.create_server(("0.0.0.0", _PORT))


def _bound() -> socket.socket:
    made = socket.socket(type=socket.SOCK_DGRAM)
    made.bind(("0.0.0.0", _PORT))
    return made


if __name__ == "__main__":
    uid, count, with_listeners = map(int, sys.argv[1:])
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    print(json.dumps([_make(each < with_listeners) for each in range(count)]), flush=True)
    sys.stdin.read()
