"""Real servers are shown as ss and ps show them, and what is not is a fault."""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from benchmarks import __main__ as command
from benchmarks.report import Report
from benchmarks.zoo import benchmark, truth
from benchmarks.zoo.programs import NGINX, PROGRAMS, REDIS
from benchmarks.zoo.runner import HISTORY, Log, miscounted, misnumbered, unended
from benchmarks.zoo.sockets import Endpoint, Holder, Open, differences
from benchmarks.zoo.steps import Place, Program, Step, StepError, run
from benchmarks.zoo.stored import Life
from tests.kit.processes import bound
from tests.kit.rights import root
from tests.kit.service import PROJECT, environment
from tests.kit.unit import missing
from tests.kit.waiting import until

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(sys.platform != "linux", reason="ss is a program of Linux"),
]

_ABSENT = missing("nginx", "redis-server", "redis-cli", "ss", "ps", "ip")
installed = pytest.mark.skipif(bool(_ABSENT), reason=_ABSENT)

WEB = Endpoint("tcp", "127.0.0.1", 80)
MASTER = Holder(7, "nginx", "root", "nginx: master process nginx")
WORKER = Holder(8, "nginx", "www-data", "nginx: worker process")
LISTENER = Open(WEB, 100, 0, MASTER, frozenset({MASTER, WORKER}))


def zoo(*flags: str, folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        bound(sys.executable, "-m", "benchmarks", "zoo", "--sample-interval=1", *flags),
        cwd=PROJECT,
        env=environment(TMPDIR=str(folder)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def running_from(folder: Path) -> list[str]:
    """The titles of what runs in a folder or has a file of it open."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            used = [process.cwd(), *(each.path for each in process.open_files())]
            if any(each.startswith(f"{folder}/") for each in used):
                found.append(" ".join(process.cmdline()))
    return found


@root
@installed
@pytest.mark.parametrize("source", benchmark.SOURCES)
def test_nginx_and_redis_are_shown_as_ss_and_ps_show_them(source: str, tmp_path: Path) -> None:
    names = [f"--program={each.name}" for each in (NGINX, REDIS)]
    # Beside other tests a scan takes its time: only what stays wrong is a fault.
    process = zoo("--json", "--patience=180", f"--source={source}", *names, folder=tmp_path)
    output, said = process.communicate(timeout=600)
    found = json.loads(output)
    if source in found["skipped"]:
        pytest.skip(found["skipped"][source])
    assert not found["faults"], "\n".join(found["faults"])
    assert process.returncode == 0, said
    rows = [row[:2] for row in found["tables"][0]["rows"]]
    assert rows == [[each.name, step] for each in (NGINX, REDIS) for step in steps_of(each)]
    assert running_from(tmp_path) == []


@root
@installed
def test_a_zoo_that_is_ended_in_the_middle_leaves_nothing_running(tmp_path: Path) -> None:
    process = zoo("--source=sock_diag", "--program=nginx", folder=tmp_path)
    try:
        until(lambda: any("nginx: worker" in each for each in running_from(tmp_path)), "nginx runs")
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert running_from(tmp_path) == []


def steps_of(program: Program) -> list[str]:
    return [*(step.name for step in program.steps), HISTORY]


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (
            'tcp LISTEN 0 5 127.0.0.1:80 *:* users:(("w",pid=8,fd=6),("w",pid=7,fd=6)) ino:10',
            truth.Row(WEB, 10, 0, {7: "w", 8: "w"}),
        ),
        (
            'udp UNCONN 0 0 [fe80::1%e]:53 [::]:* users:(("d (e",pid=7,fd=4)) uid:33 ino:9',
            truth.Row(Endpoint("udp", "fe80::1", 53), 9, 33, {7: "d (e"}),
        ),
        (
            "tcp LISTEN 0 64 *:2049 *:* ino:5 sk:3 v6only:0 <->",
            truth.Row(Endpoint("tcp", "::", 2049), 5, 0, {}),
        ),
        (
            "udp UNCONN 0 0 0.0.0.0%lo:67 0.0.0.0:* ino:6 sk:4 <->",
            truth.Row(Endpoint("udp", "0.0.0.0", 67), 6, 0, {}),
        ),
    ],
)
def test_a_line_of_ss_is_read(line: str, row: truth.Row) -> None:
    assert truth.row_of(line) == row


def test_ps_tells_users_and_command_lines_but_of_no_zombie() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE, "it has ended")
    described = truth.processes({os.getpid(), child.pid})
    child.wait()
    assert set(described) == {os.getpid()}
    assert described[os.getpid()].user == psutil.Process().username()
    assert described[os.getpid()].args == " ".join(" ".join(psutil.Process().cmdline()).split())


def test_two_sides_that_agree_have_no_difference() -> None:
    assert differences([LISTENER], [replace(LISTENER)]) == []


@pytest.mark.parametrize(
    "stored",
    [
        [],
        [LISTENER, replace(LISTENER, inode=None, holders=frozenset())],
        [replace(LISTENER, inode=101)],
        [replace(LISTENER, uid=33)],
        [replace(LISTENER, owner=WORKER)],
        [replace(LISTENER, holders=frozenset({MASTER}))],
        [replace(LISTENER, holders=frozenset({MASTER, replace(WORKER, user="root")}))],
        [replace(LISTENER, holders=frozenset({MASTER, replace(WORKER, name="sh")}))],
        [replace(LISTENER, holders=frozenset({MASTER, replace(WORKER, args="sh")}))],
    ],
    ids=["none", "phantom", "inode", "uid", "owner", "holders", "user", "name", "args"],
)
def test_whatever_differs_is_a_difference(stored: list[Open]) -> None:
    assert differences([LISTENER], stored)


LIFE = Life(WEB, 100, closed=True, events="opened,closed")
LOG = Log(settled={(WEB, 100)}, passing={(WEB, 100), (WEB, 101)})


def test_a_life_has_one_opening_and_one_closing() -> None:
    assert unended([LIFE]) == []
    assert unended([LIFE._replace(closed=False, events="opened")])
    assert unended([LIFE._replace(events="opened,closed,opened,closed")])
    assert unended([LIFE._replace(events="closed,opened")])


def test_each_socket_has_one_life() -> None:
    passing = LIFE._replace(inode=101)
    assert misnumbered([LIFE], LOG) == misnumbered([LIFE, passing], LOG) == []
    for wrong in ([], [passing], [LIFE, LIFE], [LIFE, LIFE._replace(inode=None)]):
        assert misnumbered(wrong, LOG)


def test_without_inodes_there_are_no_more_lives_than_sockets() -> None:
    life = LIFE._replace(inode=None)
    assert miscounted([life], LOG) == miscounted([life, life], LOG) == []
    for wrong in ([], [life, life, life], [life, life._replace(endpoint=replace(WEB, port=81))]):
        assert miscounted(wrong, LOG)


def test_a_command_that_fails_says_so(tmp_path: Path) -> None:
    program = Program("false", {}, (Step("fails", run("sh -c 'echo no; exit 3'")),))
    with Place(program, tmp_path, {}) as place, pytest.raises(StepError, match=r"status 3: no$"):
        program.steps[0].act(place)


@pytest.mark.parametrize(("faults", "status"), [((), 0), (("FAULT: one",), 1)])
def test_faults_are_printed_and_fail_the_benchmark(
    faults: tuple[str, ...],
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(benchmark, "run", lambda _: Report((), faults=faults))
    assert command.main(["zoo"]) == status
    assert all(each in capsys.readouterr().out for each in faults)


def test_the_document_has_every_program_and_step() -> None:
    _, _, results = (PROJECT / "docs" / "real-programs.md").read_text().partition("## Results\n")
    rows = re.findall(r"^\| (\S.*?) +\| +(\S.*?) \|", results, re.MULTILINE)
    assert [row for row in rows if row[0] in {each.name for each in PROGRAMS}] == [
        (each.name, step) for each in PROGRAMS for step in steps_of(each)
    ]
