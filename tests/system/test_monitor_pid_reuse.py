"""Two processes, one after the other, with one pid and one port, have two lives."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from porteye_core.model import ScanDepth, Socket
from porteye_core.sources.portable import Portable
from porteye_core.store.writing.startup import open_writer
from tests.kit.rig import READER, Rig, ScriptedClock
from tests.kit.values import HOST, SECOND
from tests.kit.waiting import until

if sys.platform != "linux":
    pytest.skip("pids are chosen through Linux's ns_last_pid", allow_module_level=True)

from porteye_core.sources.netlink.sock_diag import SockDiag

LAST_PID = Path("/proc/sys/kernel/ns_last_pid")
if os.geteuid() != 0 or not os.access(LAST_PID, os.W_OK):
    pytest.skip("choosing a pid needs root", allow_module_level=True)

LIVES = """SELECT p.pid, l.closed_at IS NULL FROM listener l
    JOIN process p ON p.id = l.process_id ORDER BY l.id"""

STARTS = "SELECT count(DISTINCT started_at) FROM process"


def by_netlink() -> Sequence[Socket]:
    source = SockDiag()
    try:
        return source.read(count_clients=False)
    finally:
        source.close()


def by_psutil() -> Sequence[Socket]:
    return Portable(lambda: None).read(ScanDepth.SOCKETS).sockets or ()


every_source = pytest.mark.parametrize("listed", [by_netlink, by_psutil])
Listed = Callable[[], Sequence[Socket]]


def listening(port: int) -> "subprocess.Popen[bytes]":
    """A process that holds a listening socket, as its standard input, and does nothing."""
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(("127.0.0.1", port))
        made.listen()
        return subprocess.Popen(["sleep", "600"], stdin=made.fileno())


def port_of(process: "subprocess.Popen[bytes]") -> int:
    (found,) = [s for s in by_psutil() if s.pid == process.pid]
    return found.endpoint.port


def end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()


def successor(first: "subprocess.Popen[bytes]", port: int) -> "subprocess.Popen[bytes]":
    """Another process, begun later, with the pid and the port of one that it ends."""
    started = READER.started_at(first.pid)
    end(first)
    for _ in range(500):  # others may take the pid for a moment
        LAST_PID.write_text(str(first.pid - 1))
        made = listening(port)
        if made.pid == first.pid and READER.started_at(made.pid) != started:
            return made
        end(made)
    pytest.skip(f"pid {first.pid} was not to be had")


def scan(rig: Rig, listed: Listed, port: int) -> None:
    rig.scan(*(found for found in listed() if found.endpoint.port == port))


@every_source
def test_a_process_with_the_pid_of_the_one_before_begins_a_life_of_its_own(
    db: Path, listed: Listed
) -> None:
    first = listening(0)
    port = until(lambda: port_of(first), "it holds the socket")
    with open_writer(db, HOST, 1) as writer:
        rig = Rig(db, writer, ScriptedClock())
        scan(rig, listed, port)
        second = successor(first, port)
        try:
            scan(rig, listed, port)
            scan(rig, listed, port)
        finally:
            end(second)
    assert [event[0] for event in rig.events] == ["opened", "closed", "opened"]
    assert rig.rows(LIVES) == [(first.pid, 0), (first.pid, 1)]
    assert rig.rows(STARTS) == [(2,)]


@every_source
def test_so_does_one_that_came_while_nobody_watched(db: Path, listed: Listed) -> None:
    clock = ScriptedClock()
    first = listening(0)
    port = until(lambda: port_of(first), "it holds the socket")
    with open_writer(db, HOST, 1) as writer:
        rig = Rig(db, writer, clock)
        scan(rig, listed, port)
        rig.monitor.stop()
    second = successor(first, port)
    clock.pass_(100 * SECOND)
    try:
        with open_writer(db, HOST, 2) as writer:
            rig = Rig(db, writer, clock)
            scan(rig, listed, port)
    finally:
        end(second)
    assert [(kind, seen) for kind, _, seen in rig.events][1:] == [
        ("closed", "gap"),
        ("opened", "gap"),
    ]
    assert rig.rows(LIVES) == [(first.pid, 0), (first.pid, 1)]
    assert rig.rows(STARTS) == [(2,)]
