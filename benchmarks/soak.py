"""Does the monitor stay as small as it was while sockets and processes come and go for long?"""

import argparse
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import psutil

from benchmarks import loads
from benchmarks.report import Check, Report, Table
from benchmarks.service import watching

_BUDGET_RSS = 32.0  # MiB
_WARM_UP = 12.0  # seconds: the first scans, and the first sample after the one at the start
_VISITORS, _LISTENERS, _STAY = 10, 2, 5.0  # processes at a time, listeners of each, seconds
# What the trend of the second half may add to be called flat: a leak adds for as long as it runs.
_FLAT = {"resident MiB": 0.5, "descriptors": 0.5, "threads": 0.5}


@dataclass(frozen=True, slots=True)
class Size:
    """Seconds since the first sample, resident MiB, open descriptors and threads."""

    at: float
    rss: float
    descriptors: int
    threads: int


@dataclass(frozen=True, slots=True)
class Course:
    """How one quantity went: its values, and the trend of the second half a second."""

    first: float
    median: float
    last: float
    most: float
    slope: float
    added: float  # what the slope comes to over the second half


def add_flags(flags: argparse.ArgumentParser) -> None:
    """How long, how often, and how much comes and goes."""
    flags.add_argument("--minutes", type=float, default=60)
    flags.add_argument("--every", type=float, default=5, help="seconds between two samples")
    flags.add_argument("--churn", type=float, default=5, help="opens a second")
    flags.add_argument("--warm-up", type=float, default=_WARM_UP, help="seconds not counted")


def run(options: argparse.Namespace) -> Report:
    """Sample the service for so long, then say whether it grew."""
    with ExitStack() as stack:
        service = stack.enter_context(watching())
        with (
            loads.churn(options.churn) as churn,
            loads.visitors(_VISITORS, _LISTENERS, _STAY) as visits,
        ):
            time.sleep(options.warm_up)
            sizes = sample(psutil.Process(service.pid), 60 * options.minutes, options.every)
        stored = service.number("SELECT count(*) FROM event")
    courses = {
        "resident MiB": course([(each.at, each.rss) for each in sizes]),
        "descriptors": course([(each.at, each.descriptors) for each in sizes]),
        "threads": course([(each.at, each.threads) for each in sizes]),
    }
    load = f"{churn.rate:.1f} opens a second, and {visits.came:,} processes that came and went"
    return Report(
        (_table(f"{options.minutes:g} min, {len(sizes):,} samples; {load}", courses),),
        _checks(courses),
        notes=(f"PortEye stored {stored:,} events",),
    )


def sample(process: psutil.Process, seconds: float, every: float) -> list[Size]:
    """The sizes of a process, from the first one on for so long."""
    sizes: list[Size] = []
    began = time.monotonic()
    while not sizes or sizes[-1].at < seconds:
        time.sleep(max(0.0, began + len(sizes) * every - time.monotonic()))
        with process.oneshot():
            rss = process.memory_info().rss / 2**20
            threads = process.num_threads()
        at = time.monotonic() - began
        sizes.append(Size(at, rss, process.num_fds(), threads))
    return sizes


def course(points: Sequence[tuple[float, float]]) -> Course:
    """How a quantity went, from its values at their seconds; at least four of them."""
    values = [value for _, value in points]
    late = points[len(points) // 2 :]
    slope = statistics.linear_regression(*zip(*late, strict=True)).slope
    return Course(
        values[0],
        statistics.median(values),
        values[-1],
        max(values),
        slope,
        slope * (late[-1][0] - late[0][0]),
    )


def _table(title: str, courses: dict[str, Course]) -> Table:
    rows = tuple(
        (name, each.first, each.median, each.last, each.most, 3600 * each.slope, each.added)
        for name, each in courses.items()
    )
    trend = ("second half: an hour", "second half: added")
    return Table(title, ("quantity", "first", "median", "last", "most", *trend), rows)


def _checks(courses: dict[str, Course]) -> tuple[Check, ...]:
    flat = tuple(
        Check(
            f"{name}: flat",
            f"{each.added:+.2f} in the second half",
            f"at most +{_FLAT[name]:g}",
            each.added <= _FLAT[name],
        )
        for name, each in courses.items()
    )
    most = courses["resident MiB"].most
    within = most <= _BUDGET_RSS
    return (*flat, Check("resident memory", f"{most:.1f} MiB", f"{_BUDGET_RSS:g} MiB", within))
