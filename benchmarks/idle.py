"""What does watching cost while little happens, and while much does?"""

import argparse
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass

import psutil

from benchmarks import loads, peers, watchers
from benchmarks.machine import ratio
from benchmarks.report import Check, Report, Table
from benchmarks.service import Service, watching

_BUDGET_CPU, _BUDGET_CHURN, _BUDGET_RSS = 0.5, 10.0, 32.0  # percent, percent, MiB
_WARM_UP = 12.0  # seconds: the first scans, and the first sample after the one at the start
_LATEST = "SELECT COUNT(*) FROM event WHERE kind = 'opened'"


@dataclass(frozen=True, slots=True)
class Cost:
    """Percent of one core, children included, and the process's resident MiB at the end."""

    cpu: float
    rss: float


def add_flags(flags: argparse.ArgumentParser) -> None:
    """The sizes of the load."""
    flags.add_argument("--seconds", type=float, default=60)
    flags.add_argument("--listeners", type=int, default=1000)
    flags.add_argument("--processes", type=int, default=500)
    flags.add_argument("--descriptors", type=int, default=50_000)
    flags.add_argument("--churn", type=float, default=100, help="opens a second")
    flags.add_argument("--warm-up", type=float, default=_WARM_UP, help="seconds not counted")


def run(options: argparse.Namespace) -> Report:
    """Measure every watcher at the same time, over a load that stands and then one that changes."""
    skipped = peers.missing(("ss", "bpftrace"))
    skipped["lsof"] = "a poller as the two others, and slower: see snapshot"
    with ExitStack() as stack:
        stack.enter_context(
            loads.standing(options.listeners, options.processes, options.descriptors)
        )
        service = stack.enter_context(watching())
        beside = stack.enter_context(ExitStack())
        started = watchers.start(beside, _ways(skipped), skipped)
        ours = f"PortEye, {service.source}"
        pids = {ours: service.pid, **{name: each.pid for name, each in started.items()}}
        time.sleep(options.warm_up)
        still = measure(pids, options.seconds)
        known = service.number(_LATEST)
        with loads.churn(options.churn) as churn:
            busy = measure(pids, options.seconds)
        stored = _settled(service) - known
        beside.close()  # from here on it is known which peers ran to the end
        kept = {ours, *watchers.lasted(started, skipped)}
    if not all(ours in each for each in (still, busy)):
        raise RuntimeError("PortEye ended while it was measured")
    still, busy = (
        {name: cost for name, cost in each.items() if name in kept} for each in (still, busy)
    )
    load = f"{options.listeners:,} listeners in {options.processes:,} processes"
    return Report(
        (
            _table(f"{load}, {options.seconds:g} s", still),
            _table(f"the same under {churn.rate:.0f} opens a second, {options.seconds:g} s", busy),
        ),
        _checks(next(iter(still.values())), next(iter(busy.values()))),
        skipped,
        (f"of {churn.opened:,} opens PortEye stored {stored:,}",),
    )


def _ways(skipped: Mapping[str, str]) -> Mapping[str, AbstractContextManager[watchers.Precision]]:
    """The peers that can run here, not yet started."""
    ways = {"psutil poller, 1 s": watchers.poller("psutil", 1)}
    if "ss" not in skipped:
        ways["ss -tlnp poller, 1 s"] = watchers.poller("ss", 1)
    if "bpftrace" not in skipped:
        ways["bpftrace one-liner"] = watchers.bpftrace()
    return ways


def measure(pids: dict[str, int], seconds: float) -> dict[str, Cost]:
    """The cost of each process for so long, without those that have ended meanwhile."""
    with ExitStack() as stack:
        meters = {name: stack.enter_context(_metered(pid)) for name, pid in pids.items()}
        time.sleep(seconds)
    return {name: cost for name, costs in meters.items() for cost in costs}


@contextmanager
def _metered(pid: int) -> Iterator[list[Cost]]:
    result: list[Cost] = []
    try:
        process = psutil.Process(pid)
        before, began = sum(process.cpu_times()[:4]), time.monotonic()
    except psutil.NoSuchProcess:
        yield result
        return
    yield result
    with suppress(psutil.NoSuchProcess):
        used, took = sum(process.cpu_times()[:4]) - before, time.monotonic() - began
        result.append(Cost(100 * used / took, process.memory_info().rss / 2**20))


def _settled(service: Service) -> int:
    time.sleep(2)  # two scans after the churn
    return service.number(_LATEST)


def _table(title: str, costs: dict[str, Cost]) -> Table:
    ours = next(iter(costs.values()))
    rows = tuple(
        (name, cost.cpu, cost.rss, ratio(cost.cpu, ours.cpu), ratio(cost.rss, ours.rss))
        for name, cost in costs.items()
    )
    columns = ("watcher", "CPU % of a core", "RSS MiB", "times PortEye's CPU", "times its RSS")
    return Table(title, columns, rows)


def _checks(still: Cost, busy: Cost) -> tuple[Check, ...]:
    return (
        _check("CPU", still.cpu, _BUDGET_CPU, "%"),
        _check("resident memory", still.rss, _BUDGET_RSS, "MiB"),
        _check("CPU under churn", busy.cpu, _BUDGET_CHURN, "%"),
        _check("resident memory under churn", busy.rss, _BUDGET_RSS, "MiB"),
    )


def _check(what: str, measured: float, budget: float, unit: str) -> Check:
    return Check(what, f"{measured:.2f} {unit}", f"{budget:g} {unit}", measured <= budget)
