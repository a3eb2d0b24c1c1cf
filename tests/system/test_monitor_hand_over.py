"""A monitor that somebody starts takes the database over from the dashboard's own one."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from porteye_core.store.file import lock
from tests.kit.app import dashboard
from tests.kit.as_nobody import NOBODY
from tests.kit.rights import posix, root
from tests.kit.service import monitor, rows, run_service
from tests.kit.waiting import until

pytestmark = posix

LIVES = """SELECT l.id, l.closed_at IS NULL FROM listener l WHERE l.port = ? ORDER BY l.id"""
KINDS = """SELECT kind FROM event e JOIN listener l ON l.id = e.listener_id WHERE l.port = ?"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as opened:
        yield opened


@pytest.fixture
def nobodys(open_folder: Path) -> Path:
    """A database in a folder of the user nobody."""
    folder = open_folder / "nobodys"
    folder.mkdir()
    os.chown(folder, NOBODY, NOBODY)
    return folder / "porteye.db"


def as_nobody(_python: str, _service: str, *flags: str) -> list[str]:
    return [sys.executable, "-m", "tests.kit.as_nobody", *flags]


def port_of(each: socket.socket) -> int:
    port: int = each.getsockname()[1]
    return port


def test_the_dashboards_monitor_gives_way_and_nothing_is_lost(
    db: Path, tmp_path: Path, listener: socket.socket
) -> None:
    kept = port_of(listener)
    with dashboard(db, tmp_path) as app:
        until(lambda: rows(db, LIVES, kept), "the dashboard's monitor has seen the listener")
        childs = until(lambda: lock.holder(db), "it holds the lock")
        assert childs
        assert childs.gives_way
        with monitor(db) as theirs, closing(socket.create_server(("127.0.0.1", 0))) as later:
            until(lambda: rows(db, LIVES, port_of(later)), "the new one has seen another")
            assert len(rows(db, LIVES, kept)) == 1
            assert rows(db, KINDS, kept) == [("opened",)]
            assert rows(db, "SELECT pid, stopped_at IS NULL FROM watch ORDER BY id") == [
                (childs.pid, 0),
                (theirs.pid, 1),
            ]
            until(lambda: not psutil.pid_exists(childs.pid), "the dashboard has heard of its end")
            health = app.json("/api/health")
            assert (health["status"], health["pid"]) == ("watching", theirs.pid)
            assert "is started in" not in app.log.read_text()


@root
def test_a_monitor_of_root_takes_over_from_one_without_rights(
    nobodys: Path, listener: socket.socket
) -> None:
    with monitor(nobodys, "--give-way", within=as_nobody) as first, monitor(nobodys) as second:
        assert first.wait(60) == 5
        assert "gave way to another monitor" in str(first.stderr and first.stderr.read())
        until(lambda: rows(nobodys, LIVES, port_of(listener)), "it has seen the listener")
        assert (nobodys.stat().st_uid, lock.path_of(nobodys).stat().st_uid) == (NOBODY, NOBODY)
        holder = lock.holder(nobodys)
        assert holder
        assert (holder.pid, holder.gives_way, holder.has_rights) == (second.pid, False, True)


@root
def test_a_monitor_with_rights_does_not_give_way_to_one_without(nobodys: Path) -> None:
    with monitor(nobodys, "--give-way") as first:
        done = subprocess.run(
            as_nobody("", "", "--db", str(nobodys)), capture_output=True, text=True, check=False
        )
        assert done.returncode == 3
        assert f"pid {first.pid}" in done.stderr
        assert "Stop the dashboard that started it first" in done.stderr
        assert first.poll() is None


@pytest.mark.parametrize("flags", [(), ("--give-way",), ("--once",)])
def test_a_monitor_that_somebody_started_gives_way_to_nobody(
    db: Path, flags: tuple[str, ...]
) -> None:
    with monitor(db) as first:
        done = run_service("--db", str(db), *flags)
        assert done.returncode == 3
        assert f"pid {first.pid}" in done.stderr
        assert "Stop it first" in done.stderr
        assert first.poll() is None


@pytest.mark.parametrize("flag", ["--give-way", "--once"])
def test_only_a_monitor_that_stays_takes_over(db: Path, flag: str) -> None:
    with monitor(db, "--give-way") as first:
        assert run_service("--db", str(db), flag).returncode == 3
        assert first.poll() is None


def test_a_question_to_a_monitor_that_was_killed_stops_nobody(db: Path) -> None:
    with monitor(db, "--give-way") as first:
        first.send_signal(signal.SIGKILL)
        first.wait()
    path = lock.path_of(db)
    path.write_bytes(b"\0" * 8192 + b"W")  # it was asked while it ended
    with monitor(db, "--give-way") as second:
        assert second.poll() is None
