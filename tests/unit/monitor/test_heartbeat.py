"""The real monitor under a service manager: ready, alive only while it turns, stopping."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from porteye_core.model import WatchPlan
from porteye_core.monitor.heartbeat import Heartbeat
from porteye_core.system.systemd import ServiceManager
from tests.kit.processes import bound
from tests.kit.service import PROJECT, SERVICE, environment, rows
from tests.kit.values import SECOND
from tests.kit.waiting import until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="datagrams of AF_UNIX are POSIX")
PERIOD = 1.0


class Manager:
    """The receiving end, and what it was told."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.log = path.with_name("log")  # of the service
        self.variables = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": str(round(PERIOD * 1e6))}

    def hear(self, seconds: float) -> str | None:
        """The next message, None if none comes within so long."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(4096).decode()
        except (TimeoutError, BlockingIOError):
            return None

    def wait_for(self, line: str) -> str:
        """The next message with this line."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            message = self.hear(30)
            if message is not None and line in message.splitlines():
                return message
        raise AssertionError(f"{line} never came")

    def forget(self) -> None:
        while self.hear(0) is not None:
            pass


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    yield made
    made.socket.close()


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are ended with the test."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()


def start(
    started: list[subprocess.Popen[str]], manager: Manager, *words: str
) -> subprocess.Popen[str]:
    with manager.log.open("w") as log:
        process = subprocess.Popen(
            bound(sys.executable, *words, "--interval", "0.2"),
            cwd=PROJECT,
            env=environment(**manager.variables),
            stderr=log,
            text=True,
        )
    started.append(process)
    return process


def logged(manager: Manager, words: str) -> str:
    """The line of the log with these words, empty while there is none."""
    return next((line for line in manager.log.read_text().splitlines() if words in line), "")


def test_it_is_ready_once_a_scan_is_stored_and_stopping_when_told_to(
    db: Path, manager: Manager, started: list[subprocess.Popen[str]]
) -> None:
    process = start(started, manager, str(SERVICE), "--db", str(db))
    message = manager.wait_for("READY=1")
    assert rows(db, "SELECT count(*) FROM tick") != [(0,)]
    assert "STATUS=watching " in message
    manager.wait_for("WATCHDOG=1")
    process.send_signal(signal.SIGTERM)
    manager.wait_for("STOPPING=1")
    assert process.wait(120) == 0


def test_a_stopped_monitor_does_not_answer_the_watchdog(
    db: Path, manager: Manager, started: list[subprocess.Popen[str]]
) -> None:
    process = start(started, manager, str(SERVICE), "--db", str(db))
    manager.wait_for("WATCHDOG=1")
    manager.wait_for("WATCHDOG=1")
    process.send_signal(signal.SIGSTOP)
    until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED, "it is stopped")
    manager.forget()
    assert manager.hear(PERIOD) is None
    process.send_signal(signal.SIGCONT)
    manager.wait_for("WATCHDOG=1")


def test_a_loop_that_hangs_answers_no_watchdog_and_is_reported_with_its_place(
    db: Path, manager: Manager, started: list[subprocess.Popen[str]]
) -> None:
    hanging = db.with_name("hanging")
    words = ["-m", "tests.kit.hanging_monitor", str(hanging), "--db", str(db)]
    process = start(started, manager, *words)
    manager.wait_for("WATCHDOG=1")
    hanging.touch()
    place = "(_hang_or_read), called by loop.py"
    report = until(lambda: logged(manager, place), "the stall is reported with its place")
    assert "The loop has not turned for " in report
    manager.forget()
    assert manager.hear(PERIOD) is None
    hanging.unlink()
    until(
        lambda: "turns again" in manager.log.read_text().partition(report)[2], "its end is reported"
    )
    manager.wait_for("WATCHDOG=1")
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 0


def test_a_watchdog_that_bites_leaves_the_place_in_the_log(
    db: Path, manager: Manager, started: list[subprocess.Popen[str]]
) -> None:
    process = start(started, manager, str(SERVICE), "--db", str(db))
    manager.wait_for("READY=1")
    process.send_signal(signal.SIGABRT)
    assert process.wait(120) == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in manager.log.read_text()
    assert "in run" in manager.log.read_text()


def test_a_failed_scan_is_not_ready_and_says_so(manager: Manager) -> None:
    with Heartbeat(ServiceManager(manager.variables), WatchPlan("portable", SECOND, SECOND)) as it:
        it.turn(None)
        first = manager.hear(10)
        it.turn(3)
        second = manager.hear(10)
    assert first == "STATUS=the last scan by portable failed: nothing is recorded\nWATCHDOG=1"
    assert second == "READY=1\nSTATUS=watching 3 listeners by portable"


@pytest.mark.parametrize(
    ("interval", "period", "longest"), [(3600, None, 10), (3600, 6, 2), (0.25, 6, 0.25)]
)
def test_a_long_interval_is_waited_for_in_pieces(
    manager: Manager, interval: float, period: float | None, longest: float
) -> None:
    variables = {**manager.variables, "WATCHDOG_USEC": str(round((period or 0) * 1e6))}
    plan = WatchPlan("portable", round(interval * SECOND), 3600 * SECOND)
    with Heartbeat(ServiceManager(variables), plan) as heartbeat:
        assert heartbeat.paced(interval) == longest
