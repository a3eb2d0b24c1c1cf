"""Drives opener_process.py."""

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

_SCRIPT = Path(__file__).with_name("opener_process.py")
_PROJECT = _SCRIPT.parent.parent.parent


def address_of(pid: int) -> str:
    """A loopback address of this process alone."""
    return f"127.{1 + (pid >> 16)}.{pid >> 8 & 255}.{pid & 255}"


class Opener:
    """A process of its own that opens and closes sockets as it is told."""

    def __init__(self, *arguments: str | bytes) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(_SCRIPT), *arguments],
            env={**os.environ, "PYTHONPATH": str(_PROJECT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def address(self) -> str:
        """Where open(), daemonize() and delegate() listen, and no other process does; Linux only.

        Another process may have had the same port a moment ago, but not the same address.
        """
        return address_of(self.pid)

    @property
    def netns(self) -> Path:
        """The network namespace of its first thread."""
        return Path(f"/proc/{self.pid}/ns/net")

    def listen(self, family: str = "ipv4", kind: str = "tcp", port: int = 0, *options: str) -> int:
        """Open a listening socket and return its port."""
        return int(self._ask(f"listen {family} {kind} {port} {' '.join(options)}"))

    def bind(self) -> int:
        """A TCP port that nobody listens on and nobody else can take, until this one listens."""
        return int(self._ask("bind ipv4 tcp 0"))

    def fork(self, count: int) -> list[int]:
        """Fork children that hold what is open, and return their pids."""
        return [int(pid) for pid in self._ask(f"fork {count}").split()]

    def replace(self, count: int) -> list[int]:
        """End the children, fork others, and return their pids."""
        return [int(pid) for pid in self._ask(f"replace {count}").split()]

    def close(self, port: int) -> None:
        assert self._ask(f"close {port}") == "closed"

    def open(self, kind: str = "tcp") -> int:
        """Open a socket at its own address and return the port."""
        return int(self._ask(f"open {kind}"))

    def daemonize(self, seconds: float, forks: int = 1) -> tuple[int, int]:
        """Listen, wait, and leave it to a fork, or the fork of one; return port and pid."""
        port, left = map(int, self._ask(f"daemonize {seconds} {forks}").split())
        self._process.wait(120)
        return port, left

    def leave(self) -> int:
        """End the process after a fork, which goes on; return its pid."""
        left = int(self._ask("leave"))
        self._process.wait(120)
        return left

    def delegate(self, after: str) -> tuple[int, int]:
        """Listen, pass the socket to a worker over a Unix socket, and end or only close it, as
        `after` says: ends or stays; return the port and the worker's pid."""
        port, worker = map(int, self._ask(f"delegate {after}").split())
        if after == "ends":
            self._process.wait(120)
        return port, worker

    def execute(self, program: Path, *words: str) -> None:
        """Become another program with the sockets that are open; `program`: see executable()."""
        assert self._ask(f"execute {program} {' '.join(words)}") == "executed"

    def rename(self, name: bytes) -> None:
        """Give the process another name, 15 bytes at most; Linux only."""
        assert self._ask(f"rename {name.hex()}") == "renamed"

    def title(self, *words: str) -> None:
        """Write these words over the arguments, which must have as much room; Linux only."""
        assert self._ask(f"title {' '.join(words)}") == "titled"

    def chdir(self, path: Path) -> None:
        assert self._ask(f"chdir {path}") == "moved"

    def become(self, uid: int) -> None:
        """Give up the rights of root for those of this user."""
        assert self._ask(f"become {uid}") == "became"

    def outlive(self) -> None:
        """Go on in another thread once the first one has ended; Linux only."""
        assert self._ask("outlive") == "outlived"

    def split(self) -> None:
        """Go on in a thread with descriptors of its own; Linux only."""
        assert self._ask("split") == "split"

    def unshare(self) -> int:
        """Go on in a network namespace of its own, as root, and return its inode."""
        assert self._ask("unshare") == "unshared"
        return self.netns.stat().st_ino

    def enter(self, namespace: Path) -> None:
        """Go on in another network namespace, as root."""
        assert self._ask(f"enter {namespace}") == "entered"

    def end(self) -> None:
        """End the process; its children see it and end too."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.wait(120)

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer, "the opener has died"
        return answer


def executable(path: Path) -> Path:
    """An opener's program at this path, for execute()."""
    path.write_text(f"#!{sys.executable}\n{_SCRIPT.read_text()}")
    path.chmod(0o755)
    return path
