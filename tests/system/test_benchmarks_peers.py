"""A peer that fails is skipped with its own words: no column of zeros, and the run goes on."""

import os
import sys
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks import capture, idle, page_browser, peers, snapshot, watchers
from benchmarks.__main__ import Benchmark
from benchmarks.peers import PeerError
from benchmarks.report import Report

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the loads are Linux processes")

# The words of bpftrace 0.17 where no tracing files are mounted, and of one without BTF.
NO_TRACEPOINT = """\
stdin:1:1-36: ERROR: tracepoint not found: sock:inet_sock_set_state
tracepoint:sock:inet_sock_set_state /args->newstate == 10/ { printf() }
~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
"""
NO_BTF = "ERROR: BTF is not available: cannot resolve the arguments of the probe"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose programs stand in front of those of the machine."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def write(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def run(benchmark: Benchmark, *flags: str) -> Report:
    parser = ArgumentParser()
    benchmark.add_flags(parser)
    options: Namespace = parser.parse_args(flags)
    return benchmark.run(options)


def columns(report: Report) -> set[str]:
    """The watchers that a report compares, in the heads of its tables and of their rows."""
    heads = {name for table in report.tables for name in table.columns}
    return heads | {str(row[0]) for table in report.tables for row in table.rows}


@pytest.mark.parametrize("name", ["ss", "lsof"])
def test_a_lister_that_fails_is_missing_with_its_words(programs: Path, name: str) -> None:
    write(programs / name, "echo 'Cannot open netlink socket: Permission denied' >&2; exit 255")
    assert peers.missing([name]) == {
        name: f"{name} ended with status 255: Cannot open netlink socket: Permission denied"
    }


@pytest.mark.parametrize("name", ["ss", "lsof"])
def test_a_lister_that_does_not_show_an_open_listener_is_missing(programs: Path, name: str) -> None:
    write(programs / name, "echo State Recv-Q Send-Q")
    assert peers.missing([name]) == {name: f"{name} does not show a listener that is open"}


def test_a_lister_that_works_is_not_missing_although_it_ends_with_one(programs: Path) -> None:
    lsof = next(filter(os.path.exists, ("/usr/bin/lsof", "/usr/sbin/lsof")), None)
    if lsof is None:
        pytest.skip("there is no lsof on this machine")
    write(programs / "lsof", f'{lsof} "$@"; exit 1')
    assert peers.missing(["lsof"]) == {}


def test_a_program_that_cannot_be_executed_is_missing(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(programs))
    (programs / "ss").write_text("neither a script nor a program")
    (programs / "ss").chmod(0o755)
    assert peers.missing(["ss"]) == {"ss": "ss does not run here: Exec format error"}


@pytest.mark.skipif(os.geteuid() != 0, reason="bpftrace is only tried as root")
@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            f"cat >&2 <<'E'\n{NO_TRACEPOINT}E\nexit 1",
            "stdin:1:1-36: ERROR: tracepoint not found: sock:inet_sock_set_state",
        ),
        (f"echo 'Attaching 1 probe...'; echo '{NO_BTF}' >&2; exit 1", NO_BTF),
        ("exit 3", "no message"),
    ],
)
def test_a_bpftrace_that_fails_is_missing_with_its_words(
    programs: Path, script: str, words: str
) -> None:
    write(programs / "bpftrace", script)
    (reason,) = peers.missing(["bpftrace"]).values()
    assert reason.startswith("bpftrace ended with status ")
    assert reason.endswith(f": {words}")


@pytest.mark.skipif(os.geteuid() != 0, reason="bpftrace is only tried as root")
def test_a_bpftrace_that_attaches_and_prints_nothing_is_missing(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "_PATIENCE", 1.0)
    write(programs / "bpftrace", "echo 'Attaching 1 probe...'; exec sleep 60")
    assert peers.missing(["bpftrace"]) == {
        "bpftrace": "bpftrace attached and printed no listener within 1 s"
    }


def test_a_peer_that_does_not_start_is_skipped() -> None:
    skipped: dict[str, str] = {}
    with ExitStack() as stack:
        ways = {"an unknown poller": watchers.poller("netstat", 1)}
        assert watchers.start(stack, ways, skipped) == {}
    assert skipped == {"an unknown poller": "poll_process ended with status 1"}


def test_a_peer_that_fails_on_the_way_is_skipped(programs: Path) -> None:
    """It lists a listener when it is tried and in its first scan, and never again."""
    write(
        programs / "ss",
        f"echo scan >> {programs}/scans\n"
        f'[ $(wc -l < {programs}/scans) -le 2 ] && exec /usr/bin/ss "$@"\n'
        "echo 'out of memory' >&2; exit 1",
    )
    sizes = ("--listeners=2", "--processes=1", "--descriptors=20")
    found = run(idle, "--seconds=0.5", "--warm-up=2", *sizes)
    assert found.skipped["ss -tlnp poller, 1 s"] == "ss ended with status 1: out of memory"
    assert "psutil poller, 1 s" in columns(found)
    assert not any(name.startswith("ss ") for name in columns(found))


@pytest.mark.skipif(os.geteuid() != 0, reason="bpftrace is only tried as root")
def test_a_capture_has_no_column_for_a_bpftrace_without_btf(programs: Path) -> None:
    write(programs / "bpftrace", f"echo 'Attaching 1 probe...'; sleep 0.3; echo '{NO_BTF}'; exit 1")
    found = run(capture, "--listeners=4", "--openers=2", "--burst=4", "--burst-seconds=0.1")
    assert found.skipped["bpftrace"] == f"bpftrace ended with status 1: {NO_BTF}"
    assert not any("bpftrace" in name for name in columns(found))
    assert any(name.startswith("PortEye") for name in columns(found))


def test_a_scan_that_fails_is_measured_no_further() -> None:
    def failing() -> None:
        raise PeerError("lsof ended with status 1: no message")

    skipped: dict[str, str] = {}
    took = snapshot.measure({"a": lambda: None, "lsof": failing}, 2, skipped)
    assert [len(each) for each in took.values()] == [2]
    assert skipped == {"lsof": "lsof ended with status 1: no message"}


def test_a_process_that_ends_while_it_is_measured_has_no_cost() -> None:
    assert idle.measure({"gone": 2**22 + 1}, 0) == {}


def test_a_browser_that_does_not_start_is_skipped_with_its_words(programs: Path) -> None:
    write(programs / "chromium", "echo 'libnss3.so: cannot open shared object file' >&2; exit 127")

    path, skipped = page_browser.found(1)
    assert path == ""
    assert skipped == {
        "first table": f"{programs}/chromium does not start: "
        "libnss3.so: cannot open shared object file"
    }


def test_without_visits_no_browser_is_tried(programs: Path) -> None:
    write(programs / "chromium", "exit 127")
    assert page_browser.found(0) == ("", {})
