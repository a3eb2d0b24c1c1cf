"""The hostile loads are what they say, made without rights, and what they break is found."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from benchmarks.hostile.container import Moment, container
from benchmarks.hostile.pulse import Peak, pulse
from benchmarks.load.worker import Worker, worker
from benchmarks.service import Service, watching
from tests.kit.service import PROJECT
from tests.kit.waiting import until

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(sys.platform != "linux", reason="the loads are Linux processes"),
    pytest.mark.skipif(sys.platform == "linux" and os.geteuid() != 0, reason="needs root"),
]

_USER = 54_321
_TINY = (
    *("--listeners=30", "--listener-processes=3", "--sharers=3", "--shared=20"),
    *("--shared-listeners=10", "--twins=20", "--namespaces=2", "--rate=50", "--seconds=1"),
    "--sample-interval=1",
)


@contextmanager
def load(name: str, *words: object) -> Iterator[Worker]:
    with worker(f"load.{name}_process", _USER, *words) as running:
        yield running


def listening(pids: list[int]) -> list[tuple[str, int]]:
    """The addresses of the listeners that these processes hold, one for each holder."""
    return [
        (row.laddr.ip, row.laddr.port)
        for pid in pids
        for row in psutil.Process(pid).net_connections("tcp")
        if row.status == psutil.CONN_LISTEN
    ]


def users(pids: list[int]) -> set[int]:
    return {user for pid in pids for user in psutil.Process(pid).uids()}


def test_a_crowd_listens_at_addresses_of_its_own_without_rights() -> None:
    with load("crowd", 30, 3) as running:
        pids = running.answer()["pids"]
        assert users(pids) == {_USER}
        assert len(set(listening(pids))) == 30
    assert not any(map(psutil.pid_exists, pids))


def test_sharers_hold_the_same_listeners() -> None:
    with load("sharing", "listening", 10, 3) as running:
        pids = [running.pid, *running.answer()["pids"]]
        assert len(pids) == 3
        assert users(pids) == {_USER}
        held = [sorted(listening([pid])) for pid in pids]
        assert len(held[0]) == 10
        assert held[0] == held[1] == held[2]


def test_twins_listen_at_one_port_until_they_strike() -> None:
    with load("twins", 20) as running:
        port = running.answer()["port"]
        assert listening([running.pid]) == [("127.0.0.1", port)] * 20
        running.tell("strike")
        until(lambda: not listening([running.pid]), "all are closed")


def test_each_namespace_is_another_one() -> None:
    with load("spaces", 2) as running:
        pids = running.answer()["pids"]
        assert users(pids) == {_USER}
        spaces = {Path(f"/proc/{pid}/ns/net").stat().st_ino for pid in (os.getpid(), *pids)}
        assert len(spaces) == 3
        for pid in pids:  # its table of sockets has one row: the state of a listener is 0A
            (row,) = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
            assert row.split()[3] == "0A"


def test_short_lived_processes_keep_their_rate() -> None:
    with load("passing", 100) as running:
        assert running.answer() == "ready"
        until(lambda: psutil.Process(running.pid).cpu_times().system > 0.01, "some have come")
        running.tell_to_end()
        done = running.answer()
    assert done["came"] > 0
    assert done["came"] / done["seconds"] < 150


def test_a_moment_says_how_a_stored_time_contradicts_it() -> None:
    moment = Moment(before=10_000_000, after=10_000_100)
    fits = moment.differs
    assert fits(10_000_050, "kernel", 3_000_000) == ""
    assert fits(10_500_000, "kernel", 3_000_000) == "0.500 s too late, kernel"
    assert fits(10_500_000, "poll", 3_000_000) == ""
    assert fits(14_000_100, "poll", 3_000_000) == "4.000 s too late, poll"
    assert fits(99_000_000, "gap", 3_000_000) == ""
    assert fits(9_000_000, "gap", 3_000_000) == "1.000 s too early, gap"
    assert fits(None, None, 3_000_000) == "not stored"


@pytest.fixture
def service() -> Iterator[Service]:
    with watching("--sample-interval", "1") as running:
        yield running


def test_what_is_stored_wrongly_of_the_container_is_a_fault(service: Service) -> None:
    with container() as beside:
        life = beside.open("tcp")
        until(lambda: beside.is_stored(service, life), "the opening is stored")
        assert beside.faults(service) == []
        beside.close(life)
        until(lambda: beside.is_stored(service, life), "the closing is stored")
        assert beside.faults(service) == []
        early = life.opened.before - 1_000_000
        life.opened = Moment(early, early)
        (fault,) = beside.faults(service)
        assert "its opening is" in fault
        assert "too late, kernel" in fault
        life.port += 1
        (fault,) = beside.faults(service)
        assert fault.endswith("0 lives are stored, right: 1")


def test_a_silent_loop_is_heard(tmp_path: Path) -> None:
    with pulse(tmp_path) as heard, watching("--interval", "1", environ=heard.environ) as running:
        before = until(lambda: heard.longest, "the loop is heard")
        running.end()
        until(lambda: not psutil.pid_exists(running.pid), "it has ended")
        heard.stop()
    assert heard.longest >= before > 0


def test_the_peak_of_a_process_outlives_it() -> None:
    sleeper = subprocess.Popen(["sleep", "60"])
    try:
        peak = Peak(sleeper.pid)
        peak.read()
    finally:
        sleeper.kill()
        sleeper.wait()
    before = peak.mib
    assert before > 0
    peak.read()
    assert peak.mib == before


def test_every_load_runs_to_its_end_and_the_container_is_stored_rightly() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "hostile", "--json", *_TINY],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    (table,) = found["tables"]
    assert len(table["rows"]) == 6 - len(found["skipped"])
    # A time can be late where the machine is busy; owners, lives and events are right all the same.
    assert [each for each in found["faults"] if "too late" not in each] == []
    assert done.returncode == bool(found["faults"])
    assert all(check["met"] for check in found["checks"] if "memory" in check["what"])
