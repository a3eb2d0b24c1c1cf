"""The soak tells a monitor that grows from one that does not, and ours does not."""

import os
import sys
import threading
from argparse import ArgumentParser
from pathlib import Path

import psutil
import pytest

from benchmarks import loads, soak
from benchmarks.soak import course, sample
from tests.kit.waiting import until

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(sys.platform != "linux", reason="the loads are Linux processes"),
]

_SHORT = ("--minutes=0.2", "--every=0.5", "--warm-up=4")
_WARMING = 2.0  # MiB: caches that still fill may add so much in these seconds, a leak adds more


def test_visitors_come_hold_listeners_and_go() -> None:
    me = psutil.Process()
    names: dict[int, str] = {}

    def listening() -> dict[int, str]:
        here = {}
        for child in me.children(recursive=True):
            try:
                if sum(row.status == "LISTEN" for row in child.net_connections("tcp")) == 2:
                    here[child.pid] = child.name()
            except psutil.NoSuchProcess:
                continue
        names.update(here)
        return here

    with loads.visitors(processes=3, listeners=2, seconds=1) as visits:
        until(lambda: len(listening()) == 3, "three hold two listeners each")
        first = set(names)
        until(lambda: not first & set(listening()), "those have gone")
        until(lambda: len(listening()) == 3, "others have come")
    assert visits.came >= 6
    assert all(name.startswith("visitor-") for name in names.values())
    assert not any(map(psutil.pid_exists, names))


def test_a_sample_is_what_the_process_holds() -> None:
    me = psutil.Process()
    (before,) = sample(me, 0, 1)
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(5)]
    done = threading.Event()
    waiting = threading.Thread(target=done.wait)
    waiting.start()
    try:
        (after,) = sample(me, 0, 1)
    finally:
        done.set()
        waiting.join()
        for each in opened:
            os.close(each)
    assert after.descriptors - before.descriptors == 5
    assert after.threads - before.threads == 1
    resident = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line
    )
    assert after.rss == pytest.approx(int(resident.split()[1]) / 1024, rel=0.1)


def test_samples_are_taken_for_so_long() -> None:
    sizes = sample(psutil.Process(), 0.2, 0.05)
    assert sizes[0].at < sizes[1].at < sizes[-1].at
    assert sizes[-2].at < 0.2 <= sizes[-1].at


def test_a_trend_is_that_of_the_second_half() -> None:
    settled = course([(0, 10), (10, 20), (20, 30), (30, 30), (40, 30), (50, 30)])
    assert (settled.first, settled.median, settled.last, settled.most) == (10, 30, 30, 30)
    assert settled.added == pytest.approx(0)
    leaking = course([(at, 10 + at / 10) for at in range(0, 60, 10)])
    assert leaking.slope == pytest.approx(0.1)
    assert leaking.added == pytest.approx(2)


def test_the_monitor_does_not_grow_while_sockets_and_processes_come_and_go() -> None:
    flags = ArgumentParser()
    soak.add_flags(flags)
    found = soak.run(flags.parse_args(_SHORT))
    met = {check.what: check.met for check in found.checks}
    assert met.pop("resident memory")
    assert met["descriptors: flat"], found
    assert met["threads: flat"], found
    grown = {row[0]: (row[1], row[3]) for row in found.tables[0].rows}
    first, last = map(float, map(str, grown["resident MiB"]))
    assert last - first <= _WARMING, found
