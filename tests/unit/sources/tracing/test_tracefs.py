"""Private trace instances: nothing is left behind, and nobody is disturbed."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from porteye_core.errors import SourceError
from porteye_core.sources.tracing import tracefs as module
from porteye_core.sources.tracing.setup import check_pid_namespace
from porteye_core.sources.tracing.tracefs import Instance, refused, remove_stale, tracefs
from porteye_core.sources.tracing.tracepoint import Tracepoint
from tests.kit.tracing import global_settings, instances, mine, mounts, needs_tracing
from tests.kit.waiting import until

_MONITOR = """
import sys
from porteye_core.sources.tracing.tracepoint import Tracepoint
with Tracepoint():
    print("open", flush=True)
    sys.stdin.read()
"""

_WITHOUT_ROOT = """
import os
from porteye_core.errors import SourceError
from porteye_core.sources.tracing.tracepoint import Tracepoint
os.setuid(65534)
try:
    Tracepoint().open()
except SourceError as err:
    print(err.hint)
"""


@contextmanager
def monitor() -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _MONITOR], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    assert process.stdout
    with process.stdin, process.stdout:
        assert process.stdout.readline() == "open\n"
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@needs_tracing
def test_nothing_is_left_after_the_exit_and_no_global_setting_changes() -> None:
    before, mounted = global_settings(), mounts()
    with Tracepoint():
        assert mine(instances())
        assert global_settings() == before
    assert not mine(instances())
    assert (global_settings(), mounts()) == (before, mounted)


@needs_tracing
def test_nothing_is_left_when_opening_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("porteye_core.sources.tracing.tracepoint.CONDITION", "no_such_field==1")
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(SourceError, match="no_such_field"), Tracepoint():
        pass
    assert not mine(instances())
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


@needs_tracing
def test_a_killed_monitors_instances_go_at_the_next_start() -> None:
    mounted = mounts()
    with monitor() as killed:
        assert mine(instances(), killed.pid)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert mine(instances(), killed.pid)
    with Tracepoint():
        assert not mine(instances(), killed.pid)
    assert mounts() == mounted


@needs_tracing
def test_a_living_monitors_instances_stay_and_record() -> None:
    with monitor() as other:
        theirs = mine(instances(), other.pid)
        with Tracepoint() as first, Tracepoint() as second:
            assert len(mine(instances())) == 4
            assert first.is_watching()
            assert second.is_watching()
        assert mine(instances(), other.pid) == theirs


@needs_tracing
def test_an_instance_of_a_reused_process_id_is_stale() -> None:
    with tracefs() as root:
        stale = root / "instances" / f"porteye-{os.getpid()}-1-0"
        foreign = root / "instances" / f"porteye-x-{os.getpid()}"
        stale.mkdir()
        foreign.mkdir()
        try:
            remove_stale(root)
            assert not stale.exists()
            assert foreign.exists()
        finally:
            foreign.rmdir()


@needs_tracing
def test_a_monitor_that_ends_removes_its_instances() -> None:
    with monitor() as ended:
        assert ended.stdin
        ended.stdin.close()
        assert ended.wait(120) == 0
        until(lambda: not mine(instances(), ended.pid), "the instances have gone")


@needs_tracing
def test_an_instance_switched_off_by_another_tool_is_noticed() -> None:
    with Tracepoint() as tracepoint, tracefs() as root:
        assert tracepoint.is_watching()
        for name in mine(instances()):
            (root / "instances" / name / "tracing_on").write_text("0")
        assert not tracepoint.is_watching()


@needs_tracing
def test_an_event_that_the_kernel_lacks_is_named() -> None:
    with tracefs() as root, Instance(root) as instance:
        with pytest.raises(SourceError, match="sock/no_such_event") as raised:
            instance.enable("sock/no_such_event", "")
        assert "4.16" in raised.value.hint


@needs_tracing
@pytest.mark.parametrize("mounted", [False, True])
def test_without_root_opening_says_so(*, mounted: bool) -> None:
    place = "/sys/kernel/tracing"
    mount = f"mountpoint -q {place} || mount -t tracefs none {place}; " if mounted else ""
    command = ["unshare", "-m", "sh", "-c", f'{mount}exec "$0" "$@"', sys.executable]
    done = subprocess.run(
        [*command, "-c", _WITHOUT_ROOT], capture_output=True, text=True, timeout=120, check=False
    )
    assert "root" in done.stdout, done.stderr


def test_a_refusal_to_a_user_asks_for_root() -> None:
    error = refused(PermissionError(errno.EPERM, "Operation not permitted"), "No instance")
    assert error.message == "No instance: Operation not permitted."
    assert "root" in error.hint


def test_a_lockdown_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lockdown = tmp_path / "lockdown"
    lockdown.write_text("none integrity [confidentiality]\n")
    monkeypatch.setattr(module, "_LOCKDOWN", lockdown)
    assert "locked down" in refused(PermissionError(errno.EPERM, "no"), "x").hint


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOMEM, "remove old"), (errno.ENODEV, "mount -t tracefs"), (errno.EIO, "--source")],
)
def test_every_refusal_has_a_hint(number: int, words: str) -> None:
    assert words in refused(OSError(number, "no"), "x").hint


def test_another_pid_namespace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="container"):
        check_pid_namespace(tmp_path)
    with pytest.raises(SourceError, match="/proc"):
        check_pid_namespace(tmp_path / "none")
