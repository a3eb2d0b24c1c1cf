"""Drives opener_process.py."""

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

_SCRIPT = Path(__file__).with_name("opener_process.py")


class Opener:
    """A process of its own that opens and closes sockets as it is told."""

    def __init__(self, *arguments: str | bytes) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(_SCRIPT), *arguments],
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

    def listen(self, family: str = "ipv4", kind: str = "tcp", port: int = 0, *options: str) -> int:
        """Open a listening socket and return its port."""
        return int(self._ask(f"listen {family} {kind} {port} {' '.join(options)}"))

    def bind(self) -> int:
        """A TCP port that nobody listens on and nobody else can take, until this one listens."""
        return int(self._ask("bind ipv4 tcp 0"))

    def fork(self, count: int) -> list[int]:
        """Fork children that hold what is open, and return their pids."""
        return [int(pid) for pid in self._ask(f"fork {count}").split()]

    def close(self, port: int) -> None:
        assert self._ask(f"close {port}") == "closed"

    def rename(self, name: bytes) -> None:
        """Give the process another name, 15 bytes at most; Linux only."""
        assert self._ask(f"rename {name.hex()}") == "renamed"

    def end(self) -> None:
        """End the process; its children see it and end too."""
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        self._process.wait(10)

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer, "the opener has died"
        return answer
