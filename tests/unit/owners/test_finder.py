"""Who holds a socket, asked of real processes."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from porteye_core.model import (
    AttributedSocket,
    Hidden,
    KernelEvent,
    Kind,
    Process,
    ProcessKey,
    ScanDepth,
    Socket,
)
from porteye_core.owners import OwnerFinder, descriptions, processes
from porteye_core.owners.processes import MAX_CMDLINE
from porteye_core.owners.psutil_processes import PsutilProcesses
from porteye_core.owners.usage import UNKNOWN, UsageMeter
from porteye_core.sources.portable import Portable
from tests.kit.opener import Opener
from tests.kit.values import endpoint
from tests.kit.waiting import until

BOOTED = round(psutil.boot_time() * 1e6)
READER = processes(BOOTED)
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@pytest.fixture
def opener() -> Iterator[Opener]:
    with Opener("--password=hunter2", "a\x1bb") as started:
        yield started


def found(port: int, finder: OwnerFinder | None = None) -> list[AttributedSocket]:
    sockets = Portable(lambda: None).read(ScanDepth.SOCKETS).sockets
    assert sockets is not None
    owned = (finder or OwnerFinder(READER, privileged=True)).own(sockets)
    return [each for each in owned if each.socket.endpoint.port == port]


def test_the_owner_is_described(opener: Opener) -> None:
    (seen,) = found(opener.listen())
    assert seen.owner is not None
    assert seen.owner.key.pid == opener.pid
    assert abs(seen.owner.key.started_at / 1e6 - time.time()) < 600
    program = seen.owner.program
    assert program.exe == os.path.realpath(sys.executable)
    assert program.user == psutil.Process().username()
    assert "opener_process.py" in program.cmdline
    assert seen.owner.parents[0].pid == os.getpid()
    assert seen.owner.cwd == str(Path.cwd())
    assert seen.hidden is None


def test_a_secret_and_an_escape_never_leave_the_reader(opener: Opener) -> None:
    (seen,) = found(opener.listen())
    assert seen.owner is not None
    assert "hunter2" not in seen.owner.program.cmdline
    assert "--password=***" in seen.owner.program.cmdline
    assert "\x1b" not in seen.owner.program.cmdline


def test_a_long_command_line_is_cut() -> None:
    with Opener("x" * 120_000) as opener:
        (seen,) = found(opener.listen())
    assert seen.owner is not None
    assert len(seen.owner.program.cmdline.encode()) == MAX_CMDLINE


def test_what_stands_behind_a_long_list_of_archives_is_kept() -> None:
    archives = ":".join(f"/opt/kafka/libs/archive-{number}.jar" for number in range(800))
    with Opener("-cp", archives, "kafka.Kafka") as opener:
        (seen,) = found(opener.listen())
    assert seen.owner is not None
    cmdline = seen.owner.program.cmdline
    assert cmdline.endswith(":…' kafka.Kafka")
    assert "/opt/kafka/libs/archive-0.jar:" in cmdline


@needs_fork
def test_a_prefork_server_is_one_listener_with_all_its_holders(opener: Opener) -> None:
    port = opener.listen()
    children = opener.fork(3)
    (seen,) = found(port)
    assert seen.key is not None
    assert seen.key.pid == opener.pid
    assert {holder.key.pid for holder in seen.holders} == {opener.pid, *children}


def test_twins_of_different_processes_have_different_owners(opener: Opener) -> None:
    port = opener.listen("ipv4", "tcp", 0, "reuse")
    with Opener() as other:
        other.listen("ipv4", "tcp", port, "reuse")
        owners = {each.key and each.key.pid for each in found(port)}
        assert owners == {opener.pid, other.pid}


def test_a_known_socket_is_not_searched_again(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    finder = OwnerFinder(READER, privileged=True)
    port = opener.listen()
    before = found(port, finder)

    read = READER.read

    def noting(key: ProcessKey) -> Process | None:
        assert key.pid != opener.pid, "a known process was read again"
        return read(key)  # others may have come meanwhile

    monkeypatch.setattr(READER, "read", noting)
    assert found(port, finder) == before


def test_a_process_that_has_gone_leaves_a_reason(opener: Opener) -> None:
    opener.end()
    (seen,) = OwnerFinder(READER, privileged=True).own([Socket(endpoint(), pid=opener.pid)])
    assert seen.hidden is Hidden.GONE


def test_a_socket_without_a_process_says_what_would_show_it() -> None:
    bare = Socket(endpoint())
    assert OwnerFinder(READER, privileged=False).own([bare])[0].hidden is Hidden.PRIVILEGE
    assert OwnerFinder(READER, privileged=True).own([bare])[0].hidden is Hidden.KERNEL


def test_a_reused_pid_is_not_read_as_the_process_before() -> None:
    started = READER.started_at(os.getpid())
    assert started is not None
    me = ProcessKey(os.getpid(), started)
    assert READER.read(me) is not None
    assert READER.read(replace(me, started_at=started - 1)) is None


class FakeTime:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_cpu_is_the_share_of_one_core_since_the_sample_before() -> None:
    started = READER.started_at(os.getpid())
    assert started is not None
    me = ProcessKey(os.getpid(), started)
    clock = FakeTime()
    meter = UsageMeter(READER, clock)
    assert meter.measure([me])[me].cpu is not None  # its share since it started
    before = time.process_time()
    while time.process_time() - before < 0.5:
        pass
    clock.seconds += 2
    cpu, rss = meter.measure([me])[me]
    assert cpu is not None
    assert 2000 <= cpu <= 5000  # half a second of two is 25 %; clock ticks and pytest add a little
    assert rss is not None
    assert rss > 1_000_000


def test_a_process_that_has_ended_used_nothing_that_is_known(opener: Opener) -> None:
    started = READER.started_at(opener.pid)
    assert started is not None
    key = ProcessKey(opener.pid, started)
    meter = UsageMeter(READER)
    assert meter.measure([key])[key] != UNKNOWN
    opener.end()
    assert meter.measure([key])[key] == UNKNOWN


def test_psutil_tells_the_same_of_a_process_where_there_is_no_proc(opener: Opener) -> None:
    opener.listen()  # its program runs: the kernel knows its command line
    elsewhere = PsutilProcesses()
    started = elsewhere.started_at(opener.pid)
    ours = READER.started_at(opener.pid)
    assert started is not None
    assert ours is not None
    told = elsewhere.read(ProcessKey(opener.pid, started))
    known = READER.read(ProcessKey(opener.pid, ours))
    assert told is not None
    assert known is not None
    assert (told.program, told.parents, told.cwd) == (known.program, known.parents, known.cwd)

    def has_memory() -> bool:  # the kernel adds up the pages of each processor late
        spent = elsewhere.spent(ProcessKey(opener.pid, started))
        return spent is not None and spent.rss > 1_000_000

    until(has_memory, "its memory is read")
    assert elsewhere.read(ProcessKey(opener.pid, started - 1)) is None


@needs_fork
@pytest.mark.skipif(sys.platform != "linux", reason="sockets are found by inode on Linux")
def test_an_owner_that_was_not_found_is_searched_again_ever_more_rarely() -> None:
    finder = OwnerFinder(READER, privileged=True)
    lost = Socket(endpoint(), inode=1)  # no process holds it
    searched = []
    for tick in range(200):
        finder.refresh()
        before = dict(finder._found)
        finder.own([lost])
        if not before:
            searched.append(tick)
    assert searched == [0, 6, 42]


@pytest.mark.skipif(sys.platform != "linux", reason="sockets are found by inode on Linux")
def test_a_child_that_a_new_listener_shows_is_a_holder_of_the_older_ones_too(
    opener: Opener,
) -> None:
    finder = OwnerFinder(READER, privileged=True)
    older = opener.listen()
    found_by_inode(finder, [older])
    finder.refresh()
    newer = opener.listen()
    children = opener.fork(1)
    found_by_inode(finder, [older, newer])
    finder.refresh()
    for each in found_by_inode(finder, [older, newer]):
        assert {holder.key.pid for holder in each.holders} == {opener.pid, *children}


def found_by_inode(finder: OwnerFinder, ports: list[int]) -> list[AttributedSocket]:
    from porteye_core.sources.netlink.sock_diag import SockDiag  # noqa: PLC0415 - Linux's

    source = SockDiag()
    try:
        sockets = source.read(count_clients=False)
    finally:
        source.close()
    wanted = [each for each in sockets if each.endpoint.port in ports]
    assert len(wanted) == len(ports)
    return list(finder.own(wanted))


@pytest.mark.skipif(sys.platform != "linux", reason="the name of a process is set on Linux")
def test_where_there_is_no_proc_a_tick_describes_anew_and_forgets_what_has_gone(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = [0.0]
    finder = OwnerFinder(PsutilProcesses(), privileged=True, clock=lambda: seconds[0])
    bare = Socket(endpoint(opener.listen()), pid=opener.pid)
    finder.own([bare])
    seconds[0] = 3600.0  # no longer young
    monkeypatch.setattr(sys, "platform", "darwin")
    opener.rename(b"renamed")
    finder.refresh()
    finder.refresh()
    (seen,) = finder.own([bare])
    assert seen.owner is not None
    assert seen.owner.program.name == "renamed"
    finder.own([])
    finder.refresh()
    assert not finder._descriptions._known


@needs_fork
def test_processes_that_come_and_go_between_two_ticks_are_remembered_in_bounds(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descriptions, "_MAX_UNUSED", 2)
    finder = OwnerFinder(READER, privileged=True)
    finder.own([Socket(endpoint(opener.listen()), pid=opener.pid)])
    finder.refresh()
    (before,) = finder._descriptions._known
    for pid in opener.fork(8):
        kernel_event = KernelEvent(time.time_ns() // 1000, Kind.OPENED, endpoint(), 7, pid=pid)
        assert finder.naming().owned(kernel_event).key is not None
        assert len(finder._descriptions._known) <= 1 + 2
    assert before in finder._descriptions._known


PASSES_ON = """
import os, socket, sys
channel = socket.socket(fileno=int(sys.argv[1]))
server = socket.create_server(("127.0.0.1", 0))
print(os.fstat(server.fileno()).st_ino, flush=True)
sys.stdin.readline()
socket.send_fds(channel, [b"x"], [server.fileno()])
server.close()
print("passed on", flush=True)
sys.stdin.readline()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="sockets are found by inode on Linux")
def test_a_socket_passed_over_a_unix_socket_gets_its_new_owner() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = subprocess.Popen(
            [sys.executable, "-c", PASSES_ON, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert sender.stdin is not None
        assert sender.stdout is not None
        inode = int(sender.stdout.readline())
        finder = OwnerFinder(READER, privileged=True)
        listening = [Socket(endpoint(), inode=inode)]
        (before,) = finder.own(listening)
        assert before.key is not None
        assert before.key.pid == sender.pid
        sender.stdin.write("\n")
        sender.stdin.flush()
        assert sender.stdout.readline() == "passed on\n"
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        for _ in range(2):  # half of the owners are checked at each tick
            finder.refresh()
        (after,) = finder.own(listening)
        os.close(descriptors[0])
        assert after.key is not None
        assert after.key.pid == os.getpid()
        sender.communicate(timeout=120)
