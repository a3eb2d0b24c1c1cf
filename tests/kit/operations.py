"""Drives operations_process.py, and reads the lives in its log."""

import json
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.kit.service import PROJECT, environment

Interval = tuple[int, int]


@dataclass(frozen=True)
class Life:
    """A listening life: each interval has the true time in it; `holders` ever had the socket."""

    operation: str
    protocol: str
    family: str
    address: str
    port: int
    inode: int
    netns: int
    pid: int
    opened: Interval
    closed: Interval | None
    holders: frozenset[int]
    holding: frozenset[int]

    @property
    def place(self) -> tuple[str, str, str, int]:
        return self.protocol, self.family, self.address, self.port


@dataclass
class _Story:
    """What the log says of one life."""

    opened: dict[str, Any]
    released: dict[int, Interval | None] = field(default_factory=dict)  # by holder
    over: Interval | None = None

    def life(self) -> Life:
        told = self.opened
        ends = [end for end in self.released.values() if end is not None]
        closed = self.over
        if closed is None and len(ends) == len(self.released):
            closed = max(end[0] for end in ends), max(end[1] for end in ends)
        holding = () if closed else (pid for pid, end in self.released.items() if end is None)
        return Life(
            **{name: told[name] for name in _GIVEN},
            opened=(told["before"], told["after"]),
            closed=closed,
            holders=frozenset(self.released),
            holding=frozenset(holding),
        )


_GIVEN = ("operation", "protocol", "family", "address", "port", "inode", "netns", "pid")


class Operations:
    """A process that does so many random operations, and logs them."""

    def __init__(self, log: Path, seed: str, count: int) -> None:
        self._log = log
        module = "tests.kit.operations_process"
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, str(log), seed, str(count)],
            cwd=PROJECT,
            env=environment(),
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
        if self._process.poll() is None:
            self._process.communicate(timeout=120)

    def rest(self) -> list[Life]:
        """Wait until all is done; returns the lives, of which some go on."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "resting\n"
        return self._lives()

    def end(self) -> list[Life]:
        """Have every listener closed; returns all lives."""
        self._process.communicate(timeout=120)
        assert self._process.returncode == 0
        return self._lives()

    def _lives(self) -> list[Life]:
        reading = _Reading()
        for line in self._log.read_text().splitlines():
            reading.take(json.loads(line))
        return [each.life() for each in reading.stories.values()]


class _Reading:
    """One pass over the log."""

    def __init__(self) -> None:
        self.stories: dict[str, _Story] = {}
        self._held: dict[int, set[str]] = defaultdict(set)
        self._exits: dict[int, int] = {}

    def take(self, told: dict[str, Any]) -> None:
        match told["event"]:
            case "opened":
                self.stories[told["life"]] = _Story(told)
                self._hold(told["life"], told["pid"])
            case "held":
                self._hold(told["life"], told["pid"])
            case "released":
                self._held[told["pid"]].discard(told["life"])
                released = self.stories[told["life"]].released
                released[told["pid"]] = told["before"], told["after"]
            case "over":
                self.stories[told["life"]].over = told["before"], told["after"]
            case "exits":
                self._exits[told["pid"]] = told["before"]
            case "ended":
                end = self._exits.pop(told["pid"]), told["after"]
                for life in self._held.pop(told["pid"], ()):
                    self.stories[life].released[told["pid"]] = end
            case _:
                raise AssertionError(f"{told['operation']}: {told['why']}")

    def _hold(self, life: str, pid: int) -> None:
        self._held[pid].add(life)
        self.stories[life].released[pid] = None
