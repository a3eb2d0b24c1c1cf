"""`porteye monitor`, `porteye backup` and `porteye dashboard` open what there is."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from porteye_core import __version__, config, places
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
    again = command_line._again(settings, [*places.short_monitor_words(), "--db", "/x.db"])
    assert again[1:] == [str(PROJECT / "monitor_service.py"), "--db", "/x.db"]


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


def test_there_is_no_backup_of_what_is_not_there_or_is_no_database(
    db: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    for said in ("there is no database at", "file is not a database"):
        run = run_command("backup", str(copy), "--db", str(db))
        assert (run.returncode, run.stdout) == (1, "")
        assert said in run.stderr
        assert not copy.exists()
        db.write_text("no database at all\n" * 200)


def test_the_dashboard_opens_from_any_folder_on_this_machine_alone(
    seeded: Instant, tmp_path: Path
) -> None:
    command = ("-m", "porteye_core.command", "dashboard", "--db", str(seeded.db))
    with dashboard(Path("/nowhere.db"), tmp_path, command, PYTHONPATH=str(PROJECT)) as running:
        assert [each["port"] for each in running.json("/api/ports")] == [53, 80, 5432, 8765]
        assert "http://127.0.0.1:" in running.log.read_text()


@pytest.mark.parametrize(
    ("is_checkout", "wanted"),
    [(True, f"-r {PROJECT}/requirements.txt"), (False, f"'porteye[page]=={__version__}'")],
)
def test_a_dashboard_without_its_packages_says_in_a_sentence_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    is_checkout: bool,
    wanted: str,
) -> None:
    monkeypatch.setattr(places, "IS_CHECKOUT", is_checkout)
    monkeypatch.setattr(doors, "_OF_PAGE", ("streamlit", "absent_one", "absent_two"))
    assert main(["porteye", "dashboard"]) == 2
    assert capsys.readouterr().err == (
        "porteye: The dashboard needs absent_one, absent_two too."
        f" Run: {sys.executable} -m pip install {wanted}\n"
    )
