"""`porteye fleet` and `porteye ship`: a fleet by its commands alone."""

import importlib.util
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from porteye_core.command.program import main
from porteye_core.store.writing.writer import Writer
from tests.kit.fleet import Fleet, rows_at_home, rows_that_arrived
from tests.kit.postgres import cluster, needs_postgres
from tests.kit.seeding import seed
from tests.kit.service import PROJECT
from tests.kit.values import SECOND

pytestmark = needs_postgres

NOW = 1_790_000_000 * SECOND


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with cluster() as running:
        yield running.address


@pytest.fixture
def login(tmp_path: Path) -> Path:
    return tmp_path / "web1.fleet"


def porteye(*words: str) -> int:
    return main(["porteye", *words])


def test_from_nothing_to_a_host_that_ships(
    server: str,
    db: Path,
    writer: Writer,
    login: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seed(writer, NOW)
    monkeypatch.setenv("PORTEYE_FLEET", server)
    assert porteye("fleet", "init") == 0
    assert porteye("fleet", "init") == 0
    assert "0 steps" in capsys.readouterr().out
    assert porteye("fleet", "enrol", "web1", "--file", str(login)) == 0
    assert stat.S_IMODE(login.stat().st_mode) == 0o600
    Fleet(server).ask("UPDATE setting SET kept_from = 0, keep = 20 * 365 * 86400000000")
    assert porteye("ship", str(login), "--db", str(db), "--once") == 0
    assert rows_that_arrived(Fleet(server)) == rows_at_home(db)
    capsys.readouterr()
    assert porteye("fleet", "hosts") == 0
    told = capsys.readouterr().out
    assert "web1" in told
    page = login.with_name("page.fleet")
    assert porteye("fleet", "reader", "page", "--file", str(page)) == 0
    assert f"PORTEYE_FLEET=$(cat {page})" in capsys.readouterr().out
    assert porteye("fleet", "hosts", "--server", page.read_text()) == 0
    assert "web1" in capsys.readouterr().out
    assert porteye("fleet", "tidy") == 0
    assert porteye("fleet", "retire", "web1") == 0
    assert porteye("ship", str(login), "--db", str(db), "--once") == 1
    assert porteye("fleet", "hosts") == 0
    assert "web1\tretired" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fleet", "init"), "No server is named"),
        (("fleet", "enrol", "--server", "dbname=x"), "No host is named"),
        (("fleet", "retire", "--server", "dbname=x"), "No host is named"),
        (("ship", "/nowhere/web1.fleet", "--interval", "0"), "--interval 0 is not possible"),
        (("ship", "/nowhere/web1.fleet", "--interval", "nan"), "--interval nan is not possible"),
        (("ship", "/nowhere/web1.fleet", "--interval", "inf"), "--interval inf is not possible"),
        (("ship", "/nowhere/web1.fleet", "--beat", "0"), "--beat 0 is not possible"),
        (("ship", "/nowhere/web1.fleet"), "cannot be read"),
    ],
)
def test_a_command_line_that_cannot_be_used_is_told(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert porteye(*words) == 2
    assert said in capsys.readouterr().err


def test_a_server_that_is_not_there_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert porteye("fleet", "init", "--server", "host=/nowhere dbname=x") == 1
    told = capsys.readouterr().err
    assert "The fleet's server cannot be reached" in told
    assert len(told.splitlines()) == 1


def test_a_login_that_others_may_read_is_refused(
    login: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    login.write_text("host=/nowhere")
    login.chmod(0o640)
    assert porteye("ship", str(login)) == 2
    assert f"chmod 600 {login}" in capsys.readouterr().err


def test_a_login_that_systemd_gave_to_its_service_is_taken(
    login: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(login.parent))
    login.write_text("host=/nowhere")
    login.chmod(0o440)
    assert porteye("ship", str(login), "--once") == 1
    assert "cannot be reached" in capsys.readouterr().err


def test_a_file_that_is_there_is_not_overwritten_and_nobody_is_enrolled(
    server: str, login: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    login.write_text("mine")
    assert porteye("fleet", "enrol", "other", "--server", server, "--file", str(login)) == 2
    assert login.read_text() == "mine"


def test_without_psycopg_the_remedy_is_told(
    login: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert porteye("ship", str(login)) == 2
    assert "install" in capsys.readouterr().err


def test_no_other_command_loads_psycopg() -> None:
    code = "import sys, porteye_core.command.program, porteye_core.command.who; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert "psycopg" not in loaded
