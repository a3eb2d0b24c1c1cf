"""Records of the writer: values that can wait until the database takes a write."""

from collections.abc import Collection
from dataclasses import dataclass

from porteye_core.containers import Container
from porteye_core.model import (
    AttributedSocket,
    Closing,
    Limitation,
    Listener,
    Opening,
    Sample,
    Tick,
    WatchPlan,
)


@dataclass(frozen=True, slots=True)
class Begun:
    """A watch began."""

    at: int
    plan: WatchPlan


@dataclass(frozen=True, slots=True)
class Changed:
    """Changes of one scan; each opening has the id of its listener."""

    at: int
    opened: tuple[tuple[int, Opening], ...] = ()
    closed: tuple[Closing, ...] = ()
    reowned: tuple[tuple[Listener, AttributedSocket], ...] = ()
    unseen: tuple[Listener, ...] = ()
    placed: tuple[tuple[int, int], ...] = ()  # listener ids and their namespaces

    def __len__(self) -> int:
        return sum(map(len, (self.opened, self.closed, self.reowned, self.unseen, self.placed)))


@dataclass(frozen=True, slots=True)
class SamplingTick:
    """A sampling tick, with samples of listeners that it observed."""

    tick: Tick
    samples: Collection[Sample]


@dataclass(frozen=True, slots=True)
class Sampled:
    """More samples of the latest tick."""

    at: int
    samples: Collection[Sample]


@dataclass(frozen=True, slots=True)
class Named:
    """The names of containers became known."""

    containers: tuple[Container, ...]


@dataclass(frozen=True, slots=True)
class Noted:
    """The watch has a further limitation."""

    limit: Limitation


@dataclass(frozen=True, slots=True)
class Ended:
    """The watch ended cleanly."""

    at: int


Record = Begun | Changed | SamplingTick | Sampled | Named | Noted | Ended
