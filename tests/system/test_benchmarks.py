"""Benchmarks build the load that they say, measure it rightly and leave nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from benchmarks import __main__ as command
from benchmarks import capture, idle, loads, machine, service, snapshot, watchers
from benchmarks.load.worker import worker
from benchmarks.loads import Noted
from benchmarks.matching import compare, pair
from benchmarks.report import Check, Report, Table, as_json, as_text, shown
from benchmarks.watchers import Stored
from tests.kit.service import PROJECT
from tests.kit.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the loads are Linux processes")


def sockets_of(pids: list[int], status: str) -> int:
    return sum(
        row.status == status
        for pid in pids
        for row in psutil.Process(pid).net_connections(kind="tcp")
    )


def all_gone(pids: list[int]) -> bool:
    return not any(map(psutil.pid_exists, pids))


def test_standing_processes_hold_what_they_say_and_end() -> None:
    with loads.standing(listeners=10, processes=4, descriptors=60) as pids:
        assert len(pids) == 4
        assert sockets_of(pids, psutil.CONN_LISTEN) == 10
        held = [len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids]
        assert held == [15] * 4
    assert all_gone(pids)


def test_connections_have_both_ends_here_and_leave_none_behind() -> None:
    with loads.connections(pairs=15, processes=4) as pids:
        assert sockets_of(pids, psutil.CONN_ESTABLISHED) == 30
        assert sockets_of(pids, psutil.CONN_LISTEN) == 0
        ends = addresses(pids)
    assert all_gone(pids)
    assert not ends & addresses([None])


def addresses(pids: Sequence[int | None]) -> set[tuple[object, object]]:
    """Both ends of every connection of these processes, or of those that no process has."""
    rows = psutil.net_connections(kind="tcp")
    return {(row.laddr, row.raddr) for row in rows if row.raddr and row.pid in pids}


def test_the_processes_of_a_load_die_with_it() -> None:
    with worker("load.standing_process", 2, 2, 20) as load:
        pids = load.answer()["pids"]
        os.kill(load.pid, signal.SIGKILL)
        until(lambda: all_gone(pids) or all(map(_is_dead, pids)), "the children have died")


def _is_dead(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_load_that_fails_says_so() -> None:
    with (
        worker("load.standing_process", 1, "many", 1) as load,
        pytest.raises(RuntimeError, match="standing_process ended with status 1"),
    ):
        load.answer()


def test_openers_note_every_listener_under_names_of_their_own() -> None:
    noted = loads.short_lives("opener", processes=3, total=10)
    assert len(noted) == 10
    assert {each.name for each in noted} == {"opener-0", "opener-1", "opener-2"}
    assert len({each.pid for each in noted}) == 3
    assert all(each.before <= each.after <= each.closed for each in noted)
    assert all(each.port > 0 for each in noted)
    assert all_gone([each.pid for each in noted])


def test_a_burst_is_spread_over_its_seconds() -> None:
    noted = loads.short_lives("burst", processes=1, total=20, seconds=0.2)
    assert noted[-1].closed - noted[0].before >= 0.18e9


def test_churn_keeps_its_rate() -> None:
    with loads.churn(100) as churn:
        time.sleep(0.3)
    assert churn.opened >= 2
    assert 0 < churn.rate < 120


def test_a_poller_sees_what_stays_open() -> None:
    with ExitStack() as outlives:
        with watchers.poller("psutil", 60) as seen:
            (pid,) = outlives.enter_context(loads.standing(2, 1, 10))
        assert seen.scans == 2
        assert len([each for each in seen.found if each.pid == pid]) == 2


def test_what_the_service_stored_is_read_with_its_owner() -> None:
    with service.watching() as running:
        assert running.source
        with loads.standing(2, 1, 10) as (pid,):

            def ours() -> list[Stored]:
                return [each for each in capture.stored_by(running, 0) if each.pid == pid]

            until(lambda: len(ours()) == 2, "both are stored")
        until(lambda: all(each.closed for each in ours()), "both are closed")
        assert all(each.in_order and each.name for each in ours())
        folder = running.db.parent
    assert not psutil.pid_exists(running.pid)
    assert not folder.exists()


NOTED = Noted(port=80, pid=7, name="web", before=5_000_400, after=5_009_000, closed=5_020_000)


def test_what_is_stored_is_compared_with_what_was_noted() -> None:
    found = compare([NOTED], [Stored(80, 5_003, 5_012, 7, "web", in_order=1)])
    assert (found.stored, found.share, found.right_pid, found.right_name) == (1, 1.0, 1, 1)
    assert (found.in_order, found.strays) == (1, 0)
    assert found.away == pytest.approx((0.0026,))
    assert found.outside == found.closed_outside == (0.0,)


def test_what_is_wrong_counts_as_wrong() -> None:
    stored = [Stored(80, 7_009, 4_009, 8, "other"), Stored(81, 5_001, pid=7)]
    found = compare([NOTED], stored)
    assert (found.stored, found.right_pid, found.right_name, found.in_order) == (1, 0, 0, 0)
    assert found.strays == 1
    assert found.outside == (2.0,)
    assert found.closed_outside == (1.0,)


def test_a_port_that_comes_again_is_paired_by_time() -> None:
    again = Noted(80, 7, "web", 9_000_000, 9_001_000, 9_002_000)
    late, early = Stored(80, 9_000, pid=7), Stored(80, 5_001, pid=7)
    assert sorted(pair([NOTED, again], [late, early]), key=str) == sorted(
        [(NOTED, early), (again, late)], key=str
    )
    assert len(pair([NOTED, again], [late])) == 1


def test_scans_are_measured_by_turns() -> None:
    turns: list[str] = []
    took = snapshot.measure({"a": lambda: turns.append("a"), "b": lambda: turns.append("b")}, 2, {})
    assert turns == ["a", "b"] * 3
    assert [len(each) for each in took.values()] == [2, 2]


def test_a_process_that_works_costs_more_than_one_that_waits() -> None:
    spinning = subprocess.Popen([sys.executable, "-S", "-E", "-c", "while True: pass"])
    try:
        costs = idle.measure({"spinning": spinning.pid, "waiting": os.getpid()}, 0.4)
    finally:
        spinning.kill()
        spinning.wait()
    assert costs["spinning"].cpu > costs["waiting"].cpu
    assert costs["waiting"].rss > 1


def test_quantiles_and_ratios() -> None:
    assert machine.quantile([3, 1, 2], 0.5) == 2
    assert machine.quantile([1, 2], 1) == 2
    assert machine.quantile([], 0.5) is None
    assert machine.ratio(6, 2) == 3
    assert machine.ratio(6, 0) is None


REPORT = Report(
    (Table("a title", ("who", "ms"), (("PortEye", 0.25), ("another", None))),),
    (Check("fast", "2 times", "50 times", met=False),),
    {"lsof": "there is no lsof on this machine"},
    ("a note",),
)


CHECKS = """\
| budget | measured |   wanted |        |
|--------|---------:|---------:|-------:|
| fast   |  2 times | 50 times | missed |"""


def test_a_report_is_a_table_that_lines_up() -> None:
    assert as_text("idle", {"cores": 2}, REPORT).split("\n\n") == [
        "idle · cores 2",
        "a title",
        "| who     |   ms |\n|---------|-----:|\n| PortEye | 0.25 |\n| another |    – |",
        CHECKS,
        "skipped: lsof: there is no lsof on this machine",
        "a note\n",
    ]


def test_a_report_is_one_object() -> None:
    found = json.loads(as_json("idle", {"cores": 2}, REPORT))
    assert found["benchmark"] == "idle"
    assert found["tables"][0]["rows"] == [["PortEye", 0.25], ["another", None]]
    assert found["checks"][0]["met"] is False


@pytest.mark.parametrize(
    ("cell", "text"),
    [(None, "–"), (12_000, "12,000"), (0.1234, "0.123"), (12.34, "12.3"), (1234.5, "1,234")],
)
def test_numbers_are_short(cell: float | None, text: str) -> None:
    assert shown(cell) == text


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_without_a_name_the_names_are_listed() -> None:
    listed = run()
    assert listed.returncode == 0, listed.stderr
    for name in command.REGISTRY:
        assert f"\n  {name} " in listed.stdout


def test_an_unknown_name_is_refused_in_a_sentence() -> None:
    refused = run("speed")
    assert refused.returncode == 2
    names = ", ".join(command.REGISTRY)
    assert refused.stderr == f"There is no benchmark speed; there are {names}.\n"


def test_a_small_snapshot_runs_to_its_end() -> None:
    sizes = ("--listeners=4", "--processes=2", "--descriptors=30", "--connections=8", "--rounds=1")
    done = run("snapshot", "--json", *sizes)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [len(table["rows"]) >= 2 for table in found["tables"]] == [True, True]


def test_a_small_comparison_of_commands_runs_to_its_end() -> None:
    done = run("command", "--json", "--rounds=1", "--events=2000", "--listeners=20", "--days=2")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (table,) = found["tables"]
    assert [row[0] for row in table["rows"][:3]] == [
        "porteye who, no database: one scan",
        "porteye who, a small database",
        "porteye who, 2,000 events",
    ]
    assert len(found["checks"]) == 2
