"""Processes are stopped, or not, and what is said of it is so; with real processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from porteye_core import stopping
from porteye_core.errors import StopError
from porteye_core.model import Protocol
from tests.kit.nursery import Child, Nursery, nursery
from tests.kit.rights import root
from tests.kit.service import PROJECT, environment
from tests.kit.waiting import until

if stopping.unavailable():
    pytest.skip(stopping.unavailable(), allow_module_level=True)

from porteye_core.stopping import By, Outcome, ending, process_facts
from porteye_core.stopping.handles import Handle
from porteye_core.stopping.port_tables import PortTables
from porteye_core.stopping.targets import Found, Target, Unit, refusal

LAST_PID = Path("/proc/sys/kernel/ns_last_pid")
chooses_pids = pytest.mark.skipif(
    os.geteuid() != 0 or not os.access(LAST_PID, os.W_OK), reason="choosing a pid needs root"
)


class Notes:
    """A journal in memory."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, By]] = []
        self.outcomes: list[str] = []

    def begin(self, target: Target, by: By) -> int:
        self.begun.append((target.pid, by))
        return len(self.begun)

    def complete(self, number: int, outcome: str) -> None:
        assert number == len(self.outcomes) + 1
        self.outcomes.append(outcome)


@pytest.fixture(scope="module")
def processes() -> Iterator[Nursery]:
    with nursery() as running:
        yield running


@pytest.fixture
def notes() -> Notes:
    return Notes()


def target_of(child: Child, inode: int | None = None) -> Target:
    """The child as the store would know it of a boot at the epoch."""
    ticks = os.sysconf("SC_CLK_TCK")
    return Target(
        listener=1,
        pid=child.pid,
        started_at=child.started * 1_000_000 // ticks,
        booted_at=0,
        inode=child.inode if inode is None else inode,
        protocol=Protocol.TCP,
        port=child.port,
        name="server",
    )


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def refused(target: Target, by: By = signal.SIGTERM, monitor: int | None = None) -> str:
    """The reason why a process is not stopped."""
    notes = Notes()
    with pytest.raises(StopError) as raised:
        ending.stop(target, by, monitor, notes)
    assert notes.outcomes == [f"refused: {raised.value.message}"]
    return str(raised.value)


def test_a_process_that_is_stopped_ends_and_its_port_with_it(
    processes: Nursery, notes: Notes
) -> None:
    child = processes.start()
    target = target_of(child)
    assert ending.offer(target, None).refusal is None
    outcome = ending.stop(target, signal.SIGTERM, None, notes)
    assert not child.is_alive
    assert not answers(child.port)
    said = f"server (pid {child.pid}) has ended. Nothing listens on port {child.port} any more."
    assert outcome == Outcome(said)
    assert notes.begun == [(child.pid, signal.SIGTERM)]
    assert notes.outcomes == [said]


def test_one_that_ignores_sigterm_is_said_to_go_on_and_is_killed_by_a_second_question_alone(
    processes: Nursery, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "_PATIENCE", 0.3)
    child = processes.start("stubborn")
    target = target_of(child)
    outcome = ending.stop(target, signal.SIGTERM, None, notes)
    assert outcome == Outcome(
        f"server (pid {child.pid}) still runs 0.3 s after SIGTERM.", may_kill=True
    )
    assert child.is_alive
    assert answers(child.port)
    monkeypatch.undo()
    outcome = ending.stop(target, signal.SIGKILL, None, notes)
    assert "has ended" in outcome.text
    assert not outcome.may_kill
    assert not child.is_alive


def test_one_that_only_lets_its_socket_go_can_still_be_killed(
    processes: Nursery, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "_PATIENCE", 0.3)
    child = processes.start("closing")
    target = target_of(child)
    outcome = ending.stop(target, signal.SIGTERM, None, notes)
    assert outcome.text.endswith(f"and does not listen on port {child.port} any more.")
    assert outcome.may_kill
    assert "does not hold this socket any more" in refused(target)
    monkeypatch.undo()
    assert "has ended" in ending.stop(target, signal.SIGKILL, None, notes).text


def test_one_that_is_started_again_is_said_to_be_there_again(
    processes: Nursery, notes: Notes
) -> None:
    child = processes.start("supervised")
    outcome = ending.stop(target_of(child), signal.SIGTERM, None, notes)
    assert f"has ended. But port {child.port} is open again: python" in outcome.text
    assert f"(pid {child.pid})" not in outcome.text.partition("But")[2]
    assert answers(child.port)


def test_a_socket_that_a_worker_keeps_is_said_to_be_open_still(
    processes: Nursery, notes: Notes
) -> None:
    child = processes.start("shared")
    outcome = ending.stop(target_of(child), signal.SIGTERM, None, notes)
    assert "has ended. But its socket is still open: python" in outcome.text
    assert answers(child.port)


def test_one_that_has_handed_its_socket_on_is_not_stopped_and_the_heir_is_named(
    processes: Nursery,
) -> None:
    child = processes.start("handing")
    with PortTables(child.pid, Protocol.TCP, child.port) as tables:
        (inode,) = tables.inodes()
    said = refused(target_of(child, inode))
    assert f"server (pid {child.pid}) does not hold this socket any more: python" in said
    assert child.is_alive
    assert answers(child.port)
    processes.end(child)


@chooses_pids
def test_a_later_process_with_the_pid_is_never_stopped(processes: Nursery) -> None:
    child = processes.start()
    target = target_of(child)
    later = processes.succeed(child)
    if later is None:
        pytest.skip(f"pid {child.pid} was not to be had")
    assert later.pid == child.pid
    assert answers(later.port)
    for number in (signal.SIGTERM, signal.SIGKILL):
        assert "is another process now" in refused(target, number)
    # Its start alone: as if the socket had gone over to it.
    assert "is another process now" in refused(replace(target, inode=later.inode))
    assert later.is_alive
    processes.end(later)


@chooses_pids
def test_no_signal_reaches_a_process_that_gets_the_pid_between_check_and_signal(
    processes: Nursery, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = processes.start()
    target = target_of(child)
    heirs: list[Child | None] = []
    found = process_facts.found

    def found_and_replaced(target: Target, handle: Handle) -> Found:
        checked = found(target, handle)
        heirs.append(processes.succeed(child))
        return checked

    monkeypatch.setattr(process_facts, "found", found_and_replaced)
    outcome = ending.stop(target, signal.SIGTERM, None, notes)
    (heir,) = heirs
    if heir is None:
        pytest.skip(f"pid {child.pid} was not to be had")
    assert heir.pid == child.pid
    assert outcome.text == f"server (pid {child.pid}) had ended already."
    assert heir.is_alive
    assert answers(heir.port)
    processes.end(heir)


def test_a_process_that_has_ended_is_said_to_have_ended(processes: Nursery) -> None:
    child = processes.start()
    target = target_of(child)
    processes.end(child)
    offered = ending.offer(target, None).refusal
    assert offered is not None
    assert offered.message == f"Process {child.pid} has ended."
    notes = Notes()
    assert ending.stop(target, signal.SIGTERM, None, notes).text.endswith("had ended already.")
    assert notes.outcomes == [f"server (pid {child.pid}) had ended already."]


def test_neither_porteye_nor_what_it_runs_under_is_stopped(processes: Nursery) -> None:
    child = processes.start()
    target = target_of(child)
    assert "It is the monitor of PortEye" in refused(target, monitor=child.pid)
    for pid in (os.getpid(), os.getppid()):
        assert "this dashboard" in refused(replace(target, pid=pid))
    for pid in (1, 2):
        assert "The system itself runs on process" in refused(replace(target, pid=pid))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as started:
        assert "has started" in refused(replace(target, pid=started.pid))
        assert started.poll() is None
    assert child.is_alive
    processes.end(child)


def test_a_process_in_another_container_or_pid_namespace_is_left_to_it(processes: Nursery) -> None:
    child = processes.start()
    target = target_of(child)
    own = process_facts.own(None)
    with Handle(child.pid) as handle:
        found = process_facts.found(target, handle)
    assert refusal(target, found, own) is None
    inside = replace(found, container="docker:" + "0123456789abcdef" * 4)
    reason = refusal(target, inside, own)
    assert reason is not None
    assert reason.command == "docker stop 0123456789ab"
    assert refusal(target, found, replace(own, container="docker:x")) is not None
    nested = refusal(target, replace(found, is_nested=True), own)
    assert nested is not None
    assert "another pid namespace" in nested.message
    processes.end(child)


@root
def test_a_process_in_a_pid_namespace_below_this_one_is_seen_to_be_there(
    processes: Nursery,
) -> None:
    child = processes.start()
    unshare = ["unshare", "--pid", "--fork", "--kill-child", "sleep", "600"]
    with subprocess.Popen(unshare) as outer:
        try:
            children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
            pid = int(until(children.read_text, "the namespace has a process"))
            with Handle(pid) as handle:
                found = process_facts.found(replace(target_of(child), pid=pid), handle)
            assert found.is_nested
            with Handle(child.pid) as handle:
                assert not process_facts.found(target_of(child), handle).is_nested
        finally:
            outer.kill()
    processes.end(child)


def test_a_process_that_the_user_may_not_see_or_signal_comes_with_the_command(
    processes: Nursery,
) -> None:
    child = processes.start()
    target = target_of(child)
    own = process_facts.own(None)
    with Handle(child.pid) as handle:
        found = process_facts.found(target, handle)
    for hidden in (replace(found, holds=None), replace(found, may_signal=False)):
        reason = refusal(target, hidden, own)
        assert reason is not None
        assert reason.command == f"sudo kill {child.pid}"
        in_unit = refusal(target, replace(hidden, unit=Unit("web.service")), own)
        assert in_unit is not None
        assert in_unit.command == "sudo systemctl stop web.service"
    processes.end(child)


@root
def test_nobody_stops_no_process_of_root(processes: Nursery) -> None:
    child = processes.start()
    script = PROJECT / "tests" / "kit" / "stop_process.py"
    done = subprocess.run(
        [sys.executable, str(script), str(child.pid), str(child.port), "SIGTERM", "nobody"],
        env=environment(PYTHONPATH=str(PROJECT)),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert "who runs this dashboard, may not see what server (pid" in found["outcome"]
    assert found["command"] == f"sudo kill {child.pid}"
    assert child.is_alive
    processes.end(child)


def test_other_threads_go_on_while_one_waits_for_an_end(
    processes: Nursery, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "_PATIENCE", 3600)
    sent = threading.Event()
    send = Handle.send

    def send_and_tell(handle: Handle, number: int) -> None:
        send(handle, number)
        if number:
            sent.set()

    monkeypatch.setattr(Handle, "send", send_and_tell)
    child = processes.start("stubborn")
    outcomes: list[Outcome] = []
    thread = threading.Thread(
        target=lambda: outcomes.append(ending.stop(target_of(child), signal.SIGTERM, None, notes))
    )
    thread.start()
    assert sent.wait(120)
    assert answers(child.port)
    assert thread.is_alive()
    processes.end(child)
    thread.join(120)
    assert "has ended" in outcomes[0].text
