"""`porteye monitor`, `porteye backup` and `porteye dashboard` open what there is."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from porteye_core import config
from porteye_core.command import doors
from porteye_core.command.program import main
from porteye_core.monitor import command_line
from tests.kit.app import dashboard
from tests.kit.command import run_command
from tests.kit.seeding import Instant
from tests.kit.service import PROJECT


def test_the_monitor_takes_its_own_flags(db: Path) -> None:
    run = run_command("monitor", "--once", "--source", "portable", "--db", str(db))
    assert run.returncode == 0, run.stderr
    with closing(sqlite3.connect(db)) as stored:
        assert stored.execute("SELECT source FROM watch").fetchall() == [("portable",)]
    helped = run_command("monitor", "--help")
    assert helped.stdout.startswith("usage: porteye monitor ")
    assert "--keep-events" in helped.stdout


def test_a_remedy_repeats_the_command_that_was_given() -> None:
    """sudo must get a command that is there: no file is called `porteye monitor`."""
    settings = config.load({"db": "/x.db"}, {})
    again = command_line._again(settings, [*doors._MONITOR, "--db", "/x.db"])
    assert again[1:] == ["-m", "porteye_core.command", "monitor", "--db", "/x.db"]


def test_a_wrong_flag_of_the_monitor_is_its_own_error() -> None:
    run = run_command("monitor", "--interval", "soon")
    assert run.returncode == 2
    assert "--interval soon is not a number." in run.stderr


def test_a_backup_is_checked_and_overwrites_nothing(seeded: Instant, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    made = run_command("backup", str(copy), "--db", str(seeded.db))
    assert made.returncode == 0, made.stderr
    assert made.stderr.splitlines()[-1].endswith(f"to {copy}")
    with closing(sqlite3.connect(copy)) as stored:
        assert stored.execute("SELECT count(*) FROM event").fetchone() == (6,)
    again = run_command("backup", str(copy), PORTEYE_DB=str(seeded.db))
    assert again.returncode == 1
    assert f"{copy} exists already." in again.stderr


def test_the_dashboard_opens_from_any_folder_on_this_machine_alone(
    seeded: Instant, tmp_path: Path
) -> None:
    command = ("-m", "porteye_core.command", "dashboard", "--db", str(seeded.db))
    with dashboard(Path("/nowhere.db"), tmp_path, command, PYTHONPATH=str(PROJECT)) as running:
        assert [each["port"] for each in running.json("/api/ports")] == [53, 80, 5432, 8765]
        assert "http://127.0.0.1:" in running.log.read_text()


def test_a_dashboard_that_is_not_there_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doors, "PROJECT", tmp_path)
    assert main(["porteye", "dashboard"]) == 2
    assert "It runs from a checkout: see README." in capsys.readouterr().err
