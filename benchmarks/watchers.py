"""The watchers that run beside PortEye, each as a process of its own for one block."""

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import IO

from benchmarks.load.worker import worker
from benchmarks.peers import BPFTRACE
from benchmarks.service import until


@dataclass(frozen=True, slots=True)
class Stored:
    """A listener as a watcher knows it; microseconds since the epoch, None for what it does not."""

    port: int
    opened: int | None
    closed: int | None = None
    pid: int | None = None
    name: str | None = None
    in_order: int = 0  # 1: the opening stands before the closing


@dataclass(slots=True)
class Seen:
    """A peer while it runs; what it saw is known after the block."""

    pid: int
    found: list[Stored] = field(default_factory=list)
    looks: int | None = None


@contextmanager
def poller(way: str, interval: float) -> Iterator[Seen]:
    """A poller that has had its first look."""
    with worker("poll_process", way, interval, bare=False) as running:
        running.answer()
        seen = Seen(running.pid)
        yield seen
        running.tell_to_end()
        done = running.answer()
        seen.looks = done["looks"]
        seen.found = [
            Stored(port, at // 1000, pid=pid, name=name) for at, port, pid, name in done["appeared"]
        ]


@contextmanager
def bpftrace() -> Iterator[Seen]:
    """The one-liner, attached; it prints no time that could be compared, and no closing."""
    with ExitStack() as stack:
        log = stack.enter_context(tempfile.TemporaryFile("w+"))
        process = subprocess.Popen(BPFTRACE, stdout=log, stderr=log, start_new_session=True)
        try:
            if not until(lambda: process.poll() is not None or "Attach" in _text(log), 30):
                raise RuntimeError("bpftrace did not attach within 30 s")
            seen = Seen(process.pid)
            yield seen
            time.sleep(1)  # its output is buffered in the kernel for as long
        finally:
            process.terminate()
            process.wait(20)
        rows = re.findall(r"^(\d+) (\d+) (.+)$", _text(log), re.MULTILINE)
        seen.found = [Stored(int(port), None, pid=int(pid), name=name) for port, pid, name in rows]


def _text(log: IO[str]) -> str:
    log.seek(0)
    return log.read()
