"""Drives nursery_process.py."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

_SCRIPT = Path(__file__).with_name("nursery_process.py")


class Child(NamedTuple):
    """A process that listens, and its port."""

    port: int
    pid: int

    @property
    def inode(self) -> int:
        """Its socket; it has no other."""
        links = [str(each.readlink()) for each in Path(f"/proc/{self.pid}/fd").iterdir()]
        (found,) = (int(each[8:-1]) for each in links if each.startswith("socket:["))
        return found

    @property
    def started(self) -> int:
        """Its start in clock ticks after the boot."""
        text = Path(f"/proc/{self.pid}/stat").read_text()
        return int(text.rpartition(") ")[2].split()[19])

    @property
    def is_alive(self) -> bool:
        """Tell that it runs: neither gone nor a zombie."""
        try:
            text = Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return False
        return text.rpartition(") ")[2][0] != "Z"


class Nursery:
    """Starts processes that are no descendants of the tests."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def start(self, kind: str = "plain", port: int = 0) -> Child:
        """A child of a kind, at a port that is free."""
        return Child(*map(int, self._ask(f"start {kind} {port}").split()))

    def succeed(self, child: Child) -> Child | None:
        """Another process with the pid and the port of a child, which it ends; None if the pid was
        not to be had. It takes root."""
        said = self._ask(f"succeed {child.pid} {child.port}")
        return None if said == "none" else Child(*map(int, said.split()))

    def end(self, child: Child) -> None:
        """End a child and reap it."""
        assert self._ask(f"end {child.pid}") == "ended"

    def _ask(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer, "the nursery has ended"
        return answer


@contextmanager
def nursery() -> Iterator[Nursery]:
    """A nursery, which ends with all its children."""
    process = subprocess.Popen(
        [sys.executable, str(_SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline(), "the nursery does not begin"
        process.wait(120)
        yield Nursery(process)
    finally:
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()
