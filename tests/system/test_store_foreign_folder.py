"""A dashboard of a user who may read the database and not write into its folder."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.as_nobody import NOBODY
from tests.kit.opener import Opener
from tests.kit.service import PROJECT, monitor, rows, run_service
from tests.kit.waiting import until

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the kit drops rights as Linux does"),
    pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs two users"),
]

OPENED = "SELECT 1 FROM event WHERE port = ?"


@pytest.fixture
def db(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where root's monitor writes for the user nobody, who called sudo; the folder is root's."""
    monkeypatch.setenv("SUDO_UID", str(NOBODY))
    monkeypatch.setenv("SUDO_GID", str(NOBODY))
    folder = open_folder / "roots"
    folder.mkdir(mode=0o755)
    return folder / "porteye.db"


def answers(db: Path) -> dict[str, tuple[int, Any]]:
    """What the API answers nobody, by path."""
    asked = [sys.executable, "-m", "tests.kit.api_as_nobody", str(db)]
    done = subprocess.run(asked, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {path: (status, body) for path, (status, body) in json.loads(done.stdout).items()}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def port() -> Iterator[int]:
    """One that is open all the time."""
    with Opener() as opener:
        yield opener.listen()


def test_while_the_monitor_runs_it_reads(db: Path, port: int) -> None:
    with monitor(db, "--source", "portable"):
        until(lambda: rows(db, OPENED, port), "the port is recorded")
        found = answers(db)
    assert found["/health"][1]["status"] == "watching"
    assert port in ports(found["/ports"])
    assert port in ports(found["/history"])


def test_after_a_clean_stop_it_reads_and_says_that_nobody_watches(db: Path, port: int) -> None:
    stopped = run_service("--db", str(db), "--source", "portable", "--once")
    assert stopped.returncode == 0
    assert names(db.parent) == {"porteye.db", "porteye.db.lock"}
    found = answers(db)
    assert found["/health"][1]["status"] == "stopped"
    assert found["/ports"][0] == 503
    assert "not running" in found["/ports"][1]["error"]["message"]
    assert port in ports(found["/history"])
    assert names(db.parent) == {"porteye.db", "porteye.db.lock"}


def test_after_a_kill_it_reads_what_only_the_log_has(db: Path, port: int) -> None:
    with monitor(db, "--source", "portable") as process:
        until(lambda: rows(db, OPENED, port), "the port is recorded")
        process.kill()
        process.wait()
    assert db.with_name("porteye.db-wal").stat().st_size
    found = answers(db)
    assert found["/health"][1]["status"] == "stopped"
    assert port in ports(found["/history"])
    db.with_name("porteye.db-shm").unlink()  # as a power cut may: nobody cannot make it anew
    status, body = answers(db)["/history"]
    assert (status, body["error"]["code"]) == (503, "database_unreadable")


def ports(answer: tuple[int, Any]) -> set[int]:
    status, listed = answer
    assert status == 200, listed
    return {each["port"] for each in listed}
