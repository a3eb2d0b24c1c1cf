"""Starts the processes of a load, or a poller, and ends them whatever happens."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent.parent
_BARE = ("-S", "-E")  # without site-packages a process is small


class Worker:
    """A module of the benchmarks that runs as a process and answers in lines of JSON."""

    def __init__(self, module: str, *arguments: object, bare: bool = True) -> None:
        self.name = module
        self._unread = b""
        self._process = subprocess.Popen(
            [
                *(sys.executable, *(_BARE if bare else ()), "-m", f"benchmarks.{module}"),
                *map(str, arguments),
            ],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the benchmark, which ends this one
        )

    @property
    def pid(self) -> int:
        """The pid of the process itself; its children are its own affair."""
        return self._process.pid

    def answer(self, timeout: float = 60) -> Any:
        """The next line; raises RuntimeError when the process ends or takes too long."""
        assert self._process.stdout is not None
        out = self._process.stdout.fileno()
        while b"\n" not in self._unread:
            if not select.select([out], [], [], timeout)[0]:
                raise RuntimeError(f"{self.name} did not answer within {timeout:g} s")
            read = os.read(out, 1 << 20)
            if not read:
                raise RuntimeError(f"{self.name} ended with status {self._process.wait(10)}")
            self._unread += read
        line, self._unread = self._unread.split(b"\n", 1)
        return json.loads(line)

    def tell(self, line: str) -> None:
        """Send a line to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def tell_to_end(self) -> None:
        """Close its standard input; its last answer can still be read."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def end(self) -> None:
        """End it, by force if it does not end by itself."""
        assert self._process.stdout is not None
        self.tell_to_end()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._process.stdout.close()


@contextmanager
def worker(module: str, *arguments: object, bare: bool = True) -> Iterator[Worker]:
    """A worker that has ended when the block ends."""
    running = Worker(module, *arguments, bare=bare)
    try:
        yield running
    finally:
        running.end()
