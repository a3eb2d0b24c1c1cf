"""Do memory, descriptors and threads of the monitor stay flat under hours of churn?"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import linear_regression, median

import psutil

from benchmarks import loads
from benchmarks.report import Check, Report, Table
from benchmarks.service import watching

_BUDGET_RSS = 32.0  # MiB
# Less than a MiB in a quarter of an hour cannot be told from what the allocator keeps for reuse.
_BUDGET_SLOPE = 4.0  # MiB an hour, over the second half


@dataclass(frozen=True, slots=True)
class Look:
    """What the monitor has at a time in seconds; RSS in MiB."""

    at: float
    rss: float
    descriptors: int
    threads: int


def add_flags(flags: argparse.ArgumentParser) -> None:
    """How long, and how much churn."""
    flags.add_argument("--minutes", type=float, default=60)
    flags.add_argument("--rate", type=float, default=20, help="opens a second by one process")
    flags.add_argument("--openers", type=int, default=5, help="processes that come and go at once")
    flags.add_argument("--every", type=float, default=5, help="seconds between two looks")


def run(options: argparse.Namespace) -> Report:
    """Watch the real service while sockets open and close, and processes come and go."""
    with watching() as service, loads.churn(options.rate) as churn:
        came = 0

        def processes() -> None:
            nonlocal came
            came += len(loads.short_lives("soak", options.openers, 4 * options.openers, 0.5))

        looks = sampled(service.pid, 60 * options.minutes, options.every, processes)
        events = service.number("SELECT count(*) FROM event")
    return Report(
        (_table(looks),),
        _checks(looks),
        notes=(f"{churn.opened:,} opens by one process, {came:,} by others; {events:,} events",),
    )


def sampled(pid: int, seconds: float, every: float, churn: Callable[[], object]) -> list[Look]:
    """Looks at a process for so long, with churn before each."""
    process, looks, began = psutil.Process(pid), list[Look](), time.monotonic()
    while (at := time.monotonic() - began) < seconds or len(looks) < 2:
        churn()
        looks.append(
            Look(
                at,
                process.memory_info().rss / 2**20,
                process.num_fds(),
                process.num_threads(),
            )
        )
        time.sleep(max(0.0, began + at + every - time.monotonic()))
    return looks


def second_half(looks: Sequence[Look]) -> Sequence[Look]:
    """The looks after the half of the time."""
    return looks[len(looks) // 2 :]


def slope(looks: Sequence[Look]) -> float:
    """MiB an hour by which RSS grew, by least squares; 0 of a single look."""
    if len(looks) < 2:
        return 0.0
    return 3600 * linear_regression([x.at for x in looks], [x.rss for x in looks]).slope


def _table(looks: Sequence[Look]) -> Table:
    late = second_half(looks)
    parts: dict[str, Callable[[Look], float]] = {
        "RSS, MiB": lambda look: look.rss,
        "descriptors": lambda look: look.descriptors,
        "threads": lambda look: look.threads,
    }
    return Table(
        f"{looks[-1].at / 60:.1f} minutes, {len(looks):,} looks",
        ("", "first", "median of the second half", "most", "last"),
        tuple(
            (name, of(looks[0]), median(map(of, late)), max(map(of, looks)), of(looks[-1]))
            for name, of in parts.items()
        ),
    )


def _checks(looks: Sequence[Look]) -> tuple[Check, ...]:
    late, most = second_half(looks), max(look.rss for look in looks)
    grows = slope(late)
    descriptors = {look.descriptors for look in late}
    threads = {look.threads for look in late}
    return (
        Check("resident memory, at most", f"{most:.1f} MiB", "32 MiB", most <= _BUDGET_RSS),
        Check(
            "its growth over the second half",
            f"{grows:+.2f} MiB an hour",
            f"{_BUDGET_SLOPE:g} MiB an hour",
            grows <= _BUDGET_SLOPE,
        ),
        # A look may have a process's descriptor open for a moment.
        Check("descriptors", _span(descriptors), "flat", max(descriptors) - min(descriptors) <= 2),
        Check("threads", _span(threads), "flat", len(threads) == 1),
    )


def _span(values: set[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"
