"""The watchers that run beside PortEye, each as a process of its own for one block."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchmarks.load.worker import Worker, worker
from benchmarks.peers import PeerError, attached_bpftrace, failure


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
class Precision:
    """A peer while it runs. `found` and `scans` are set after the block, or else `failure`."""

    pid: int
    found: list[Stored] = field(default_factory=list)
    scans: int | None = None
    failure: str = ""


@contextmanager
def poller(way: str, interval: float) -> Iterator[Precision]:
    """A poller that has had its first scan. Raises PeerError if it cannot scan."""
    with worker("poll_process", way, interval, bare=False) as running:
        _answer(running)
        seen = Precision(running.pid)
        yield seen
        running.tell_to_end()
        try:
            done = _answer(running)
        except PeerError as err:
            seen.failure = str(err)
            return
        seen.scans = done["scans"]
        seen.found = [
            Stored(port, at // 1000, pid=pid, name=name) for at, port, pid, name in done["appeared"]
        ]


def _answer(running: Worker) -> dict[str, Any]:
    try:
        said: dict[str, Any] = running.answer()
    except RuntimeError as err:
        raise PeerError(str(err)) from err
    if "failed" in said:
        raise PeerError(str(said["failed"]))
    return said


@contextmanager
def bpftrace() -> Iterator[Precision]:
    """The one-liner, attached; it prints no time that could be compared, and no closing."""
    with attached_bpftrace() as (process, text):
        seen = Precision(process.pid)
        yield seen
        time.sleep(1)  # its output is buffered in the kernel for as long
        if process.poll() is not None:
            seen.failure = str(failure("bpftrace", process.returncode, text()))
            return
        process.terminate()
        process.wait(20)
        rows = re.findall(r"^(\d+) (\d+) (.+)$", text(), re.MULTILINE)
        seen.found = [Stored(int(port), None, pid=int(pid), name=name) for port, pid, name in rows]


def start(
    stack: ExitStack, ways: Mapping[str, AbstractContextManager[Precision]], skipped: dict[str, str]
) -> dict[str, Precision]:
    """Start these peers until the stack ends; those that do not start are added to `skipped`."""
    started = {}
    for name, way in ways.items():
        try:
            started[name] = stack.enter_context(way)
        except PeerError as err:
            skipped[name] = str(err)
    return started


def lasted(started: Mapping[str, Precision], skipped: dict[str, str]) -> dict[str, Precision]:
    """The peers that ran to the end; those that failed on the way are added to `skipped`."""
    skipped |= {name: each.failure for name, each in started.items() if each.failure}
    return {name: each for name, each in started.items() if not each.failure}
