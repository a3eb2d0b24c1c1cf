"""A test run that fails or is ended leaves no monitor and no other process behind."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.kit.processes import end
from tests.kit.service import PROJECT, environment
from tests.kit.waiting import until

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux's kernel ends a process with its parent"
)

_PATIENCE = 300  # seconds: a run loads pytest and its plugins first
# A test of a run of its own, which writes the pids of what it has started.
_TEST = """
import signal
from pathlib import Path
from tests.kit.opener import Opener
from tests.kit.service import monitor

def test(db):
    with monitor(db) as watching, Opener() as opener:
        unfinished = Path({shown!r} + ".part")
        unfinished.write_text(str(watching.pid) + " " + str(opener.pid))
        unfinished.rename({shown!r})
        {step}
"""
_WAIT, _FAIL = "signal.pause()", "assert not watching"


def start(folder: Path, step: str, workers: int) -> "subprocess.Popen[bytes]":
    """Start a test run whose test starts two processes, shows their pids and takes this step."""
    module = folder / "test_inner.py"
    module.write_text(_TEST.format(shown=str(folder / "pids"), step=step))
    flags = ["-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "-n", str(workers)]
    variables = environment().items()
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *flags, f"--basetemp={folder / 'inner'}", str(module)],
        cwd=PROJECT,
        env={name: value for name, value in variables if not name.startswith("PYTEST_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def shown(folder: Path, run: "subprocess.Popen[bytes]") -> set[int]:
    """Wait until the test has started its processes; return their pids."""
    pids = folder / "pids"
    until(lambda: pids.exists() or run.poll() is not None, "the test is under way", _PATIENCE)
    assert pids.exists(), run.stdout and run.stdout.read().decode()
    return set(map(int, pids.read_text().split()))


def alive(pids: set[int]) -> set[int]:
    found = set()
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.add(pid)
    return found


@pytest.mark.parametrize(
    ("number", "workers"),
    [
        (signal.SIGINT, 0),
        (signal.SIGTERM, 0),
        (signal.SIGKILL, 0),
        (signal.SIGTERM, 1),
        (signal.SIGKILL, 1),
    ],
)
def test_a_signal_in_the_middle_leaves_nothing(
    tmp_path: Path, number: signal.Signals, workers: int
) -> None:
    run = start(tmp_path, _WAIT, workers)
    try:
        pids = shown(tmp_path, run)
        assert len(alive(pids)) == 2
        os.kill(run.pid, number)
        run.communicate(timeout=_PATIENCE)
        assert run.returncode
        until(lambda: not alive(pids), "all that the test started has ended", _PATIENCE)
    finally:
        end(run)


def test_a_failing_assertion_leaves_nothing(tmp_path: Path) -> None:
    run = start(tmp_path, _FAIL, 0)
    try:
        pids = shown(tmp_path, run)
        output, _ = run.communicate(timeout=_PATIENCE)
    finally:
        end(run)
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, output.decode()
    assert not alive(pids)
