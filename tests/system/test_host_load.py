"""A host with 20,000 connections or 5,000 processes: what a scan costs, counted and not timed."""

import builtins
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

from benchmarks.load.worker import worker
from porteye_core.model import Socket
from porteye_core.owners import OwnerFinder, processes
from tests.kit.opener import Opener
from tests.kit.service import PROJECT

if sys.platform != "linux":
    pytest.skip("netlink and /proc are Linux's", allow_module_level=True)

from porteye_core.sources.netlink.connections import count_by_local
from porteye_core.sources.netlink.inet_diag import AF_INET, ESTABLISHED
from porteye_core.sources.netlink.netlink import open_dumper
from porteye_core.sources.netlink.sock_diag import SockDiag

pytestmark = pytest.mark.host

CONNECTIONS, PROCESSES = 20_000, 5_000
LARGEST_ROW = 512  # bytes; a listening socket is told in some 130


@pytest.fixture
def connections() -> Iterator[None]:
    """Both ends of so many established connections, held by other processes."""
    with worker("load.connections_process", CONNECTIONS // 2, 10) as running:
        try:
            running.answer()
        except RuntimeError as err:
            pytest.skip(f"this machine does not allow {CONNECTIONS} connections: {err}")
        yield


@pytest.fixture
def crowd() -> Iterator[set[int]]:
    """The pids of so many idle processes."""
    script = PROJECT / "tests" / "kit" / "crowd_process.py"
    running = subprocess.Popen(
        [sys.executable, "-S", "-E", str(script), str(PROCESSES)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    pids = set(map(int, running.stdout.readline().split()))
    if not pids:
        _, said = running.communicate()
        pytest.skip(f"this machine does not allow {PROCESSES} processes: {said}")
    yield pids
    running.communicate(timeout=120)


@pytest.fixture
def source() -> Iterator[SockDiag]:
    made = SockDiag()
    yield made
    made.close()


def held(source: SockDiag, ports: set[int]) -> list[Socket]:
    return [s for s in source.read(count_clients=False) if s.endpoint.port in ports]


def test_connections_change_neither_what_a_scan_finds_nor_what_the_kernel_tells_it(
    source: SockDiag, request: pytest.FixtureRequest
) -> None:
    with Opener() as opener:
        ports = {opener.listen(kind=kind) for kind in ("tcp", "udp")}
        before = held(source, ports)
        request.getfixturevalue("connections")
        with open_dumper() as dumper:
            established = dumper.dump(AF_INET, socket.IPPROTO_TCP, ESTABLISHED, count_by_local)
        assert sum(established.values()) >= CONNECTIONS
        found = source.read(count_clients=False)
        assert [each for each in found if each.endpoint.port in ports] == before
        assert len(before) == 2
    tables = source._tables.values()
    told = sum(len(bytes(buffer)) for buffers in tables for buffer in buffers)
    assert told < LARGEST_ROW * (len(found) + 4)  # and the end of each of four lists


@pytest.fixture
def touched(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """The processes of which anything is read from /proc, by any call that can."""
    pids: set[int] = set()

    def noting(call: Callable[..., Any]) -> Callable[..., Any]:
        def noted(path: Any, *rest: Any, **named: Any) -> Any:
            if found := re.match(r"/proc/(\d+)", str(path)):
                pids.add(int(found[1]))
            return call(path, *rest, **named)

        return noted

    calls = ((os, "open"), (os, "listdir"), (os, "readlink"), (os, "scandir"), (builtins, "open"))
    for module, name in calls:
        monkeypatch.setattr(module, name, noting(getattr(module, name)))
    return pids


def test_of_thousands_of_processes_a_steady_scan_reads_none_and_a_new_owner_is_found(
    source: SockDiag, crowd: set[int], touched: set[int]
) -> None:
    finder = OwnerFinder(processes(round(psutil.boot_time() * 1e6)), privileged=True)
    with Opener() as opener, Opener() as other:
        ports = {opener.listen() for _ in range(20)}
        finder.refresh()
        finder.own(held(source, ports))
        while finder.is_searching:
            finder.own(held(source, ports))
        touched.clear()
        for _ in range(3):  # between ticks, and at one
            finder.own(held(source, ports))
            finder.refresh()
        assert not touched & crowd
        new = other.listen()
        finder.own(held(source, ports))
        (found,) = finder.own(held(source, {new}), scanned=frozenset())
        while finder.is_searching:  # a search has its time, and goes on in the next scan
            (found,) = finder.own(held(source, {new}), scanned=frozenset())
    assert found.key is not None
    assert found.key.pid == other.pid
    assert touched >= crowd  # which the counting of none rests on
    assert len(crowd) == PROCESSES
