"""A simulated machine: listeners that stand, others that come and go, and what they use."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import count
from typing import NamedTuple

from benchmarks.seeding import places
from benchmarks.seeding.places import Place
from benchmarks.seeding.scale import DAY, MINUTE
from benchmarks.seeding.usage import BEAT, CHANGES
from porteye_core.model import AttributedSocket, ProcessKey, Socket

BEGAN = 1_767_225_600_000_000  # 2026-01-01
_PAIRS = 1000  # of an endpoint and a program, among those that come and go
_STAY = 5 * MINUTE  # of one that comes, at the mean
_FIRST_PID, _PIDS = 1000, 4_000_000  # the kernel's pids go round


class Use(NamedTuple):
    """What a listener uses: hundredths of a percent of a core, bytes, connections."""

    cpu: int
    rss: int
    clients: int


@dataclass(frozen=True, slots=True)
class Change:
    """A listener came, or went where `owned` is None; `number` is its life's own."""

    at: int
    number: int
    owned: AttributedSocket | None


@dataclass(frozen=True, slots=True)
class SamplingTick:
    """What changed until `at`, in the order of time, and what each open listener uses then."""

    at: int
    changes: tuple[Change, ...]
    uses: dict[int, Use]


class Machine:
    """The same seed, the same days."""

    def __init__(self, listeners: int, events: int, seed: int) -> None:
        """`events`: openings and closings a day, beside those of the listeners that stand."""
        self._draws = random.Random(seed)
        self._numbers = count(1)
        self._uses: dict[int, Use] = {}
        self._restless: list[tuple[int, float]] = []
        self._leaving: list[tuple[int, int]] = []  # when, and who
        self._passing = places.passing(_PAIRS, self._draws)
        self._mean = 2 * DAY / events
        self._coming = BEGAN
        self._standing = places.standing(listeners, self._draws)

    def ticks(self, days: float) -> Iterator[SamplingTick]:
        """Every tick of so many days; what stands opens at the first."""
        opened = [self._open(place, BEGAN) for place in self._standing]
        self._coming += self._wait(self._mean)
        for at in range(BEGAN, BEGAN + round(days * DAY), BEAT):
            changes = (*opened, *self._changes(at))
            opened = []
            self._move()
            yield SamplingTick(at, changes, self._uses)

    def _wait(self, mean: float) -> int:
        return round(self._draws.expovariate(1 / mean))

    def _changes(self, until: int) -> Iterator[Change]:
        while True:
            leaves = self._leaving[0][0] if self._leaving else until
            if min(leaves, self._coming) >= until:
                return
            if leaves <= self._coming:
                yield self._close(*heappop(self._leaving))
            else:
                at = self._coming
                opened = self._open(self._draws.choice(self._passing), at)
                heappush(self._leaving, (at + self._wait(_STAY), opened.number))
                self._coming = at + self._wait(self._mean)
                yield opened

    def _open(self, place: Place, at: int) -> Change:
        number = next(self._numbers)
        self._uses[number] = self._use()
        shares, moves = zip(*CHANGES, strict=True)
        self._restless.append((number, self._draws.choices(moves, shares)[0]))
        return Change(at, number, _owned(place, number, at))

    def _close(self, at: int, number: int) -> Change:
        del self._uses[number]
        self._restless = [each for each in self._restless if each[0] != number]
        return Change(at, number, None)

    def _move(self) -> None:
        for number, share in self._restless:
            if share and self._draws.random() < share:
                self._uses[number] = self._use()

    def _use(self) -> Use:
        draw = self._draws.random
        return Use(int(2000 * draw()), int((8 + 90 * draw()) * 2**20), int(20 * draw()))


def _owned(place: Place, number: int, at: int) -> AttributedSocket:
    pid = _FIRST_PID + number % _PIDS
    owner = place.owner and replace(place.owner, key=ProcessKey(pid, at))
    socket = Socket(place.endpoint, number, owner.key.pid if owner else None, 3)
    return AttributedSocket(socket, owner, (owner,) if owner else (), place.hidden, place.user)
