"""The service as a process: flags, signals, exit statuses, restarts."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from porteye_core.monitor import command_line
from porteye_core.owners import fd_holders
from porteye_core.store.file import lock
from tests.kit import user_namespace
from tests.kit.opener import Opener
from tests.kit.rights import posix, root
from tests.kit.service import SERVICE, environment, monitor, rows, run_service
from tests.kit.unit import missing
from tests.kit.waiting import until

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="netlink is Linux's")
SOURCES = ["portable", pytest.param("sock_diag", marks=LINUX)]
LIMITS = "SELECT limits FROM watch"
EVENTS = "SELECT kind, seen FROM event WHERE port = ? ORDER BY id"


def test_once_scans_once_and_stores_it(db: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = run_service("--db", str(db), "--once")
        port = server.getsockname()[1]
        assert done.returncode == 0, done.stderr
        stored = rows(
            db,
            "SELECT p.pid, g.name FROM listener l JOIN process p ON p.id = l.process_id"
            " JOIN program g ON g.id = l.program_id WHERE port = ? AND closed_at IS NULL",
            port,
        )
    assert [pid for pid, _ in stored] == [os.getpid()]
    assert rows(db, "SELECT stopped_at IS NOT NULL FROM watch") == [(1,)]
    assert lock.holder(db) is None


@LINUX
def test_once_goes_on_until_the_owners_are_found(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walked = []

    def late(walk: fd_holders.Walk, deadline: fd_holders.Deadline) -> None:
        walked.append(walk)
        if len(walked) > 2:  # the two of the first turn have no time, as on a busy machine
            advance(walk, deadline)

    advance = fd_holders.Walk.advance
    monkeypatch.setattr(fd_holders.Walk, "advance", late)
    with socket.create_server(("127.0.0.1", 0)) as server:
        flags = ["--db", str(db), "--once", "--source", "sock_diag", "--interval", "0.2"]
        assert command_line.main(["porteye", *flags]) == 0
        owners = "SELECT p.pid FROM listener l JOIN process p ON p.id = l.process_id WHERE port = ?"
        assert rows(db, owners, server.getsockname()[1]) == [(os.getpid(),)]


@pytest.mark.parametrize("source", SOURCES)
def test_a_listener_appears_and_vanishes_with_both_events(db: Path, source: str) -> None:
    with monitor(db, "--source", source), Opener() as opener:
        port = opener.listen()
        until(lambda: rows(db, EVENTS, port), "it is seen open")
        opener.close(port)
        until(lambda: len(rows(db, EVENTS, port)) == 2, "it is seen closed")
        assert rows(db, EVENTS, port)[1] == ("closed", "poll")


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_watch_cleanly(db: Path, number: signal.Signals) -> None:
    with monitor(db) as process:
        process.send_signal(number)
        _, log = process.communicate(timeout=120)
        assert process.returncode == 0
    assert log.splitlines()[-1].endswith("listeners")
    assert "Traceback" not in log
    assert rows(db, "SELECT stopped_at >= seen_at FROM watch") == [(1,)]


@posix
def test_a_killed_monitor_is_followed_by_one_that_closes_only_what_has_gone(db: Path) -> None:
    with Opener() as opener:
        stays, goes = opener.listen(), opener.listen()
        with monitor(db) as first:
            until(lambda: rows(db, EVENTS, goes), "both are seen")
            first.kill()
            first.communicate()
        opener.close(goes)
        with monitor(db):
            until(lambda: len(rows(db, EVENTS, goes)) == 2, "the closing is seen")
            assert rows(db, EVENTS, goes)[1] == ("closed", "gap")
            assert len(rows(db, EVENTS, stays)) == 1


def test_a_second_monitor_says_who_is_first_and_exits_with_3(db: Path) -> None:
    with monitor(db) as first:
        second = run_service("--db", str(db))
    assert second.returncode == 3
    assert f"pid {first.pid}, since" in second.stderr


def test_a_monitor_ends_with_the_parent_that_it_was_bound_to(db: Path) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys; subprocess.Popen(sys.argv[1:]); sys.stdin.read()",
            *(sys.executable, str(SERVICE), "--db", str(db), "--interval", "0.2"),
            "--exit-with-parent",
        ],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    until(lambda: lock.holder(db), "the monitor runs")
    parent.communicate()
    until(lambda: lock.holder(db) is None, "the monitor has ended")
    assert rows(db, "SELECT stopped_at IS NOT NULL FROM watch") == [(1,)]


@pytest.mark.parametrize(
    ("flags", "variables", "status", "sentence"),
    [
        (["--interval", "fast"], {}, 2, "--interval fast is not a number."),
        (["--db", "/absent/x.db"], {}, 1, "cannot be opened for writing"),
        ([], {"PORTEYE_SOURCE": "magic"}, 2, "PORTEYE_SOURCE magic is not known."),
        (["--frequency", "2"], {}, 2, "unrecognized arguments"),
    ],
)
def test_a_wrong_start_gets_one_sentence_and_a_status(
    flags: list[str], variables: dict[str, str], status: int, sentence: str
) -> None:
    done = run_service(*flags, variables=variables)
    assert done.returncode == status
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@posix
@root
def test_an_ordinary_user_is_told_once_what_is_hidden(open_folder: Path) -> None:
    db = open_folder / "x.db"
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = as_nobody("--db", str(db), "--once")
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("sudo") == 1
        hidden = rows(db, "SELECT hidden FROM listener WHERE port = ?", server.getsockname()[1])
        assert hidden == [("privilege",)]
    assert "unprivileged" in str(rows(db, "SELECT limits FROM watch")[0][0])


@pytest.mark.skipif(sys.platform != "linux", reason="user namespaces are Linux's")
@root
def test_root_of_a_user_namespace_is_told_what_is_hidden(tmp_path: Path) -> None:
    user_namespace.skip_if_refused()
    db = tmp_path / "x.db"
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = ["unshare", "-Ur", sys.executable, str(SERVICE), "--db", str(db), "--once"]
        done = subprocess.run(
            command, env=environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        hidden = rows(db, "SELECT hidden FROM listener WHERE port = ?", server.getsockname()[1])
        assert hidden == [("privilege",)]
    limitations = {each["name"]: each for each in json.loads(str(rows(db, LIMITS)[0][0]))}
    assert {"unprivileged", "one_namespace", "polled"} <= limitations.keys()
    assert "in a user namespace" in limitations["unprivileged"]["text"]
    assert limitations["unprivileged"]["hint"].startswith(
        "Run outside of the user namespace: sudo "
    )


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")
@pytest.mark.skipif(bool(missing("setpriv")), reason=missing("setpriv") or "it is here")
@root
def test_root_that_may_not_enter_namespaces_says_that_it_scans_one(tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    bounded = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-all"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [*bounded, sys.executable, str(SERVICE), "--db", str(db), "--once"]
        done = subprocess.run(
            command, env=environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        question = "SELECT process_id IS NOT NULL, hidden FROM listener WHERE port = ?"
        assert rows(db, question, server.getsockname()[1]) == [(1, None)]
    limitations = {each["name"] for each in json.loads(str(rows(db, LIMITS)[0][0]))}
    assert "one_namespace" in limitations
    assert "unprivileged" not in limitations


@posix
@root
def test_required_rights_that_are_missing_refuse_the_start(tmp_path: Path) -> None:
    refused = as_nobody("--db", str(tmp_path / "x.db"), "--once", "--require-admin")
    assert refused.returncode == 4
    assert "sudo" in refused.stderr


def as_nobody(*flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.kit.as_nobody", *flags],
        cwd=SERVICE.parent,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_monitor_loads_nothing_of_the_dashboard() -> None:
    code = (
        "import sys; import porteye_core.monitor.command_line;"
        "print(*(m for m in ('pandas', 'plotly', 'streamlit', 'fastapi', 'starlette', 'numpy')"
        " if m in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=SERVICE.parent
    )
    assert done.stdout.strip() == ""
