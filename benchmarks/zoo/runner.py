"""Runs programs beside one monitor, and compares after each step and over each program's life."""

import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.service import Service, until
from benchmarks.zoo import network, truth
from benchmarks.zoo.sockets import Difference, Endpoint, Open, differences, without_numbers
from benchmarks.zoo.steps import Place, Program, Step, StepError
from benchmarks.zoo.stored import Life, Stored

HISTORY = "history: one life a socket"
_EVERY = 0.2  # seconds between two comparisons
_SETTLING = 60.0  # seconds until a program has done what a step says

SocketKey = tuple[Endpoint, int | None]  # an endpoint and an inode


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one step; seconds: until both sides agreed, None if they never did."""

    program: str
    step: str
    seconds: float | None
    faults: tuple[str, ...] = ()


@dataclass
class Log:
    """Every socket that ss showed: `settled` after a step, `passing` also on the way there."""

    settled: set[SocketKey] = field(default_factory=set)
    passing: set[SocketKey] = field(default_factory=set)


class Runner:
    """One network namespace, and the monitor that watches it."""

    def __init__(self, service: Service, stored: Stored, namespace: int, patience: float) -> None:
        self._service = service
        self._stored = stored
        self._namespace = namespace
        self._patience = patience
        self._numbered = service.source != "portable"
        self._known: set[Difference] = set()

    def run(self, program: Program, folder: Path, words: Mapping[str, str]) -> list[Result]:
        """Run one program from its first step to its last; nothing of it is left."""
        log, after = Log(), self._stored.newest()
        results: list[Result] = []
        try:
            with Place(program, folder, words) as place:
                try:
                    self._steps(program, place, log, results)
                finally:
                    network.end_others(self._namespace, {os.getpid(), self._service.pid})
        except (StepError, OSError) as err:
            step = program.steps[len(results)].name
            results.append(Result(program.name, step, None, (f"the program failed: {err}",)))
        results.append(self._history(program, log, after))
        return results

    def _steps(self, program: Program, place: Place, log: Log, results: list[Result]) -> None:
        place.prepare()
        before: set[Open] = set()
        for step in program.steps:
            step.act(place)
            before = self._settle(step, before, log, place)
            results.append(self._compare(program, step))

    def _settle(self, step: Step, before: set[Open], log: Log, place: Place) -> set[Open]:
        """Wait until ss shows what the step says, twice in a row; what it shows."""
        shown: list[set[Open]] = [set(), set()]

        def is_settled() -> bool:
            shown[:] = shown[1], set(truth.open_listeners())
            log.passing |= _sockets(shown[1])
            return (
                shown[0] == shown[1]
                and len(shown[1]) == step.sockets
                and all(len(each.holders) == step.holders for each in shown[1])
                and (not step.changes or shown[1] != before)
            )

        if not until(is_settled, _SETTLING, _EVERY):
            found = "; ".join(map(str, shown[1])) or "no listener"
            raise StepError(f"ss shows {found}; its log: {place.log()}")
        log.settled |= _sockets(shown[1])
        return shown[1]

    def _compare(self, program: Program, step: Step) -> Result:
        """Wait until both sides agree, but for what a step before has shown to be wrong."""
        found: list[Difference] = []

        def agree() -> bool:
            true, stored = truth.open_listeners(), self._stored.open_listeners()
            if not self._numbered:
                true, stored = without_numbers(true), without_numbers(stored)
            found[:] = differences(true, stored)
            return self._known.issuperset(found)

        began = time.monotonic()
        if until(agree, self._patience, _EVERY):
            seconds = time.monotonic() - began
            # A tick may undo what the scan before it knew.
            self._await_tick()
            if until(agree, self._patience, _EVERY):
                return Result(program.name, step.name, seconds)
        new = {each.listener.endpoint for each in found if each not in self._known}
        self._known.update(found)
        lines = tuple(str(each) for each in found if each.listener.endpoint in new)
        return Result(program.name, step.name, None, lines)

    def _await_tick(self) -> None:
        """Wait until the monitor has taken a sample; it may have ended, which is a fault later."""
        now = time.time_ns() // 1000
        question = "SELECT count(*) FROM tick WHERE rss IS NOT NULL AND at > ?"
        until(lambda: self._service.number(question, now), self._patience, _EVERY)

    def _history(self, program: Program, log: Log, after: int) -> Result:
        """Wait until each socket that there was has one life that has ended."""
        lines: list[str] = []

        def agree() -> bool:
            lives = self._stored.lives(after)
            count = misnumbered if self._numbered else miscounted
            lines[:] = [*unended(lives), *count(lives, log)]
            return not lines

        began = time.monotonic()
        if until(agree, self._patience, _EVERY):
            return Result(program.name, HISTORY, time.monotonic() - began)
        return Result(program.name, HISTORY, None, tuple(lines))


def _sockets(listeners: Iterable[Open]) -> set[SocketKey]:
    return {(each.endpoint, each.inode) for each in listeners}


def unended(lives: Iterable[Life]) -> list[str]:
    """One line for each life that has not one opening and one closing after it."""
    return [
        f"PortEye: {each.endpoint}, inode {each.inode}: its events are {each.events}"
        for each in lives
        if not each.closed or each.events != "opened,closed"
    ]


def misnumbered(lives: Iterable[Life], log: Log) -> list[str]:
    """One line for each socket that has not one life, and for each life without a socket."""
    stored = Counter(f"{each.endpoint}, inode {each.inode}" for each in lives)
    right = {f"{endpoint}, inode {inode}": (0, 1) for endpoint, inode in log.passing}
    right |= {f"{endpoint}, inode {inode}": (1, 1) for endpoint, inode in log.settled}
    return _outside(stored, right)


def miscounted(lives: Iterable[Life], log: Log) -> list[str]:
    """The same for a source that knows no inode: one life may stand for sockets that followed one
    another at an endpoint."""
    stored = Counter(str(each.endpoint) for each in lives)
    settled = {endpoint for endpoint, _ in log.settled}
    most = Counter(endpoint for endpoint, _ in log.passing)
    right = {str(each): (int(each in settled), number) for each, number in most.items()}
    return _outside(stored, right)


def _outside(stored: Counter[str], right: Mapping[str, tuple[int, int]]) -> list[str]:
    lines = []
    for what in sorted({*stored, *right}):
        least, most = right.get(what, (0, 0))
        if not least <= stored[what] <= most:
            bounds = f"{least}" if least == most else f"{least} to {most}"
            lines.append(f"PortEye: {what}: {stored[what]} lives, right: {bounds}")
    return lines
