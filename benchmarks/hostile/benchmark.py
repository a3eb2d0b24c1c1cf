"""Does the monitor stay small, quick and right beside a user who wants it to fail?"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

from benchmarks.hostile.container import Container, container
from benchmarks.hostile.pulse import Peak, pulse
from benchmarks.load.worker import Worker, worker
from benchmarks.report import Check, Report, Table
from benchmarks.service import Service, until, watching

_BUDGET_RSS, _BUDGET_TURN, _BUDGET_STOP = 96.0, 5.0, 2.0  # MiB, seconds, seconds
_STRANGER = 54_321  # a user without a name, and without any process but those of the loads
_LIVES = 5  # TCP listeners of the container, one after another, while a load is there
_PATIENCE = 60.0  # seconds until what the container did must be stored
_BUILDING = 300.0  # seconds for a load on a busy machine

_CROWD, _SHARED, _SHARED_LISTENERS = "listeners", "shared sockets", "shared listeners"
_TWINS, _NAMESPACES, _PASSING = "twins that close", "namespaces", "short-lived processes"
NAMES = (_CROWD, _SHARED, _SHARED_LISTENERS, _TWINS, _NAMESPACES, _PASSING)


@dataclass(frozen=True, slots=True)
class Load:
    """One load: its process with the words of its command line.

    strikes: it is there before the monitor, and strikes when it gets a line.
    """

    name: str
    size: str
    module: str
    words: tuple[object, ...]
    strikes: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """Effects of one load on the monitor; memory in MiB, times in seconds.

    silence: the longest time without a report of the loop; scan: the longest scan, as the monitor
    stored it; late: how much later than its interval a tick came, at most; delay: the longest time
    until a listener of the container was stored.

    The silence is the longest turn of the loop. A scan of many sockets has many turns: between its
    parts the loop hears and stores kernel events, reports to the watchdog and hears SIGTERM.
    """

    load: Load
    peak: float
    silence: float
    scan: float
    late: float
    delay: float
    stop: float
    rate: float | None
    note: str
    marks: str
    faults: tuple[str, ...]


def add_flags(flags: argparse.ArgumentParser) -> None:
    """The sizes of the loads."""
    flags.add_argument("--load", action="append", choices=NAMES, help="only this; repeatable")
    flags.add_argument("--listeners", type=int, default=100_000)
    flags.add_argument("--listener-processes", type=int, default=20)
    flags.add_argument("--sharers", type=int, default=240, help="processes that share sockets")
    flags.add_argument("--shared", type=int, default=19_000, help="sockets that do not listen")
    flags.add_argument("--shared-listeners", type=int, default=15_000)
    flags.add_argument("--twins", type=int, default=19_500, help="SO_REUSEPORT sockets")
    flags.add_argument("--namespaces", type=int, default=200)
    flags.add_argument("--rate", type=float, default=5000, help="short-lived processes a second")
    flags.add_argument("--seconds", type=float, default=60, help="for which each load is there")
    flags.add_argument("--sample-interval", type=float, default=10, help="the monitor's, seconds")


def run(options: argparse.Namespace) -> Report:
    """Run one load after the other, each beside a monitor and a container of its own."""
    if os.geteuid():
        return Report((), skipped={"hostile": "only root may watch, and change to another user"})
    loads = [each for each in _loads(options) if not options.load or each.name in options.load]
    skipped: dict[str, str] = {}
    if reason := _refusal_of_namespaces():
        skipped = {each.name: reason for each in loads if each.name == _NAMESPACES}
    outcomes = []
    for load in loads:
        if load.name not in skipped:
            print(f"hostile: {load.name}", file=sys.stderr)
            outcomes.append(_attack(load, options))
    return Report(
        (_table(outcomes),),
        tuple(check for each in outcomes for check in _checks(each)),
        skipped,
        tuple(f"{each.load.name}: {each.note}" for each in outcomes if each.note),
        faults=tuple(f"FAULT: {each.load.name}: {x}" for each in outcomes for x in each.faults),
    )


def _loads(options: argparse.Namespace) -> Iterator[Load]:
    sharers = options.sharers
    crowd = (options.listeners, options.listener_processes)
    yield Load(_CROWD, f"{crowd[0]:,} in {crowd[1]} processes", "crowd", crowd)
    other = ("other", options.shared, sharers)
    yield Load(_SHARED, f"{options.shared:,} in {sharers} processes", "sharing", other)
    listening = ("listening", options.shared_listeners, sharers)
    size = f"{options.shared_listeners:,} in {sharers} processes"
    yield Load(_SHARED_LISTENERS, size, "sharing", listening)
    yield Load(_TWINS, f"{options.twins:,} at one port", "twins", (options.twins,), strikes=True)
    yield Load(_NAMESPACES, f"{options.namespaces:,}", "spaces", (options.namespaces,))
    yield Load(_PASSING, f"{options.rate:g} a second", "passing", (options.rate,))


def _refusal_of_namespaces() -> str:
    """Say why an unprivileged user can make no network namespace here; empty if one can."""
    tried = subprocess.run(
        ["unshare", "--user", "--net", "true"],
        user=_STRANGER,
        group=_STRANGER,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )
    return tried.stderr.strip() if tried.returncode else ""


def _attack(load: Load, options: argparse.Namespace) -> Outcome:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="porteye-hostile-")))
        beside = stack.enter_context(container())
        start = partial(worker, f"load.{load.module}_process", _STRANGER, *load.words)
        if load.strikes:
            attacker = stack.enter_context(start())
            attacker.answer(_BUILDING)
        heard = stack.enter_context(pulse(folder))
        flags = ("--sample-interval", f"{options.sample_interval:g}")
        service = stack.enter_context(watching(*flags, environ=heard.environ))
        if not load.strikes:
            attacker = stack.enter_context(start())
        delay = _live_beside(beside, service, attacker, load, options.seconds)
        heard.stop()
        peak = Peak(service.pid)
        stop = service.end(meanwhile=peak.read)
        scan, late = _scans(service, options.sample_interval)
        attacker.tell_to_end()
        rate, note = _passed(attacker, service) if load.name == _PASSING else (None, "")
        return Outcome(
            load=load,
            peak=peak.mib,
            silence=heard.longest,
            scan=scan,
            late=late,
            delay=delay,
            stop=stop,
            rate=rate,
            note=note,
            marks=beside.marks(service),
            faults=tuple(beside.faults(service)),
        )


def _live_beside(
    beside: Container, service: Service, attacker: Worker, load: Load, seconds: float
) -> float:
    """Open and close the container's sockets while the load is built, stays and strikes; returns
    the longest delay until one of its TCP listeners was stored."""
    udp = beside.open("udp")
    delays = []
    for number in range(_LIVES):
        life = beside.open("tcp")
        began = time.monotonic()
        until(partial(beside.is_stored, service, life), _PATIENCE)
        delays.append(time.monotonic() - began)
        if not number and not load.strikes:
            attacker.answer(_BUILDING)
        time.sleep(max(0.0, seconds / _LIVES - delays[-1]))
        if number == _LIVES - 1 and load.strikes:
            attacker.tell("strike")
        beside.close(life)
    until(partial(beside.is_stored, service, udp), _PATIENCE)
    beside.close(udp)
    until(lambda: all(beside.is_stored(service, each) for each in beside.lives), _PATIENCE)
    return max(delays)


def _scans(service: Service, interval: float) -> tuple[float, float]:
    """The longest scan, and the longest time by which a tick was late; seconds."""
    ((longest,),) = service.rows("SELECT max(scan_us) FROM tick")
    ticks = [at for (at,) in service.rows("SELECT monotonic FROM tick WHERE rss IS NOT NULL")]
    between = (after - before for before, after in pairwise(ticks))
    return longest / 1e6, max(0.0, max(between, default=0) / 1e6 - interval)


def _passed(attacker: Worker, service: Service) -> tuple[float, str]:
    """The processes a second that a load of those came to, and what was stored of them."""
    done = attacker.answer()
    stored = service.number("SELECT count(*) FROM listener WHERE address = '127.0.0.1'")
    lost = service.number("SELECT max(lost) FROM tick")
    note = (
        f"of {done['came']:,} processes' listeners PortEye stored {stored:,},"
        f" and counted {lost:,} of the kernel's records as lost"
    )
    return done["came"] / done["seconds"], note


def _table(outcomes: Sequence[Outcome]) -> Table:
    columns = (
        *("load", "size", "reached, a second", "peak RSS MiB", "longest silence s"),
        *("longest scan s", "latest tick s", "container stored after s", "SIGTERM s"),
        *("container beside it", "its times"),
    )
    rows = tuple(
        (
            *(each.load.name, each.load.size, each.rate, each.peak, each.silence),
            *(each.scan, each.late, each.delay, each.stop),
            *("FAULT" if each.faults else "right", each.marks),
        )
        for each in outcomes
    )
    return Table("each load by one unprivileged user, beside a container of root", columns, rows)


def _checks(outcome: Outcome) -> Iterator[Check]:
    name, lives = outcome.load.name, _LIVES + 1
    yield _check(f"{name}: resident memory", outcome.peak, _BUDGET_RSS, "MiB")
    yield _check(f"{name}: longest turn", outcome.silence, _BUDGET_TURN, "s")
    yield _check(f"{name}: end after SIGTERM", outcome.stop, _BUDGET_STOP, "s")
    faults = len(outcome.faults)
    yield Check(f"{name}: container", f"{faults} faults", f"0 of {lives} sockets", not faults)


def _check(what: str, measured: float, budget: float, unit: str) -> Check:
    return Check(what, f"{measured:.2f} {unit}", f"{budget:g} {unit}", measured <= budget)
