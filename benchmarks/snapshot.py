"""How long does one scan at who listens take, without and with many connections?"""

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median

import psutil

from benchmarks import loads, peers
from benchmarks.machine import ratio
from benchmarks.peers import PeerError, output_of
from benchmarks.report import Check, Report, Table
from benchmarks.scan import porteye_scan

_Scan = Callable[[], object]
_PSUTIL, _PORTEYE = "psutil net_connections", "PortEye, steady scan with owners"
_BUDGET, _BUDGET_CONNECTIONS = 50, 150


def add_flags(flags: argparse.ArgumentParser) -> None:
    """The sizes of the load."""
    flags.add_argument("--listeners", type=int, default=1000)
    flags.add_argument("--processes", type=int, default=500)
    flags.add_argument("--descriptors", type=int, default=50_000)
    flags.add_argument("--connections", type=int, default=20_000, help="sockets, two to a pair")
    flags.add_argument("--rounds", type=int, default=9)


def run(options: argparse.Namespace) -> Report:
    """Measure every watcher by turns, over the load and then with connections on top."""
    skipped = peers.missing(("ss", "lsof"))
    skipped["bpftrace"] = "it tells what happens, not what is open"
    scans: dict[str, _Scan] = {_PORTEYE: porteye_scan(), _PSUTIL: _by_psutil}
    for name, command in (("ss", peers.SS), ("lsof", peers.LSOF)):
        if name not in skipped:
            scans[" ".join(command)] = _by_command(command)
    with ExitStack() as stack:
        stack.enter_context(
            loads.standing(options.listeners, options.processes, options.descriptors)
        )
        without = measure(scans, options.rounds, skipped)
        stack.enter_context(loads.connections(options.connections // 2))
        top = measure(scans, options.rounds, skipped)
    load = (
        f"{options.listeners:,} listeners in {options.processes:,} processes with"
        f" {options.descriptors:,} descriptors"
    )
    return Report(
        (
            _table(f"{load}", without),
            _table(f"the same, with {options.connections:,} established connections", top),
        ),
        (
            _check("against psutil", without, _BUDGET),
            _check("against psutil, with connections", top, _BUDGET_CONNECTIONS),
        ),
        skipped,
    )


def measure(
    scans: dict[str, _Scan], rounds: int, skipped: dict[str, str]
) -> dict[str, list[float]]:
    """Milliseconds of each scan in each round, after one round that is not counted.

    A peer that fails is added to `skipped` and measured no further.
    """
    took: dict[str, list[float]] = {name: [] for name in scans}
    for number in range(rounds + 1):
        for name in list(took):
            began = time.perf_counter_ns()
            try:
                scans[name]()
            except PeerError as err:
                skipped[name] = str(err)
                del took[name]
                continue
            if number:
                took[name].append((time.perf_counter_ns() - began) / 1e6)
    return took


def _by_psutil() -> object:
    return psutil.net_connections(kind="inet")


def _by_command(command: tuple[str, ...]) -> _Scan:
    return lambda: output_of(command)


def _table(title: str, took: dict[str, list[float]]) -> Table:
    ours = median(took[_PORTEYE])
    rows = tuple(
        (name, median(each), min(each), max(each), ratio(median(each), ours))
        for name, each in took.items()
    )
    return Table(title, ("scan", "median ms", "min", "max", "times PortEye's"), rows)


def _check(what: str, took: dict[str, list[float]], budget: int) -> Check:
    times = ratio(median(took[_PSUTIL]), median(took[_PORTEYE])) or 0.0
    return Check(what, f"{times:.1f} times faster", f"{budget} times", times >= budget)
