"""The loads that benchmarks build, each there for one block and gone after it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.load import OPENER_FIELDS
from benchmarks.load.worker import worker


@dataclass(frozen=True, slots=True)
class Noted:
    """What an opener noted of one listener; times in nanoseconds since the epoch."""

    port: int
    pid: int
    name: str
    before: int  # immediately before listen()
    after: int
    closed: int  # immediately after close()


@contextmanager
def standing(listeners: int, processes: int, descriptors: int) -> Iterator[list[int]]:
    """Processes that hold listeners, and descriptors in all; yields their pids."""
    with worker("load.standing_process", listeners, processes, descriptors) as load:
        yield load.answer()["pids"]


@contextmanager
def connections(pairs: int, processes: int = 20) -> Iterator[list[int]]:
    """Established connections, twice as many sockets as pairs; yields the pids of the holders."""
    with worker("load.connections_process", pairs, min(pairs, processes)) as load:
        yield load.answer()["pids"]


def short_lives(name: str, processes: int, total: int, seconds: float = 0) -> list[Noted]:
    """Open and close so many listeners in short-lived processes, and return their notes.

    Each process takes so many seconds; with 0 it opens as fast as it can.
    """
    with worker("load.openers_process", name, processes, total, seconds) as load:
        openers = load.answer()
    return [
        Noted(port, each["pid"], each["name"], before, after, closed)
        for each in openers
        for port, before, after, closed in zip(*[iter(each["notes"])] * OPENER_FIELDS, strict=True)
    ]


class Churn:
    """Opens and closes; `rate` is what it came to, known after the block."""

    rate = 0.0
    opened = 0


@contextmanager
def churn(rate: float) -> Iterator[Churn]:
    """Opens, and closes, at this rate a second for as long as the block lasts."""
    result = Churn()
    with worker("load.churn_process", rate) as load:
        load.answer()
        yield result
        load.tell_to_end()
        done = load.answer()
        result.opened, result.rate = done["opened"], done["opened"] / done["seconds"]


class Visits:
    """Processes that come and go; `came` is known after the block."""

    came = 0


@contextmanager
def visitors(processes: int, listeners: int, seconds: float) -> Iterator[Visits]:
    """So many processes at a time, each there for so long with so many listeners."""
    result = Visits()
    with worker("load.visitors_process", processes, listeners, seconds) as load:
        load.answer()
        yield result
        load.tell_to_end()
        result.came = load.answer()["came"]
