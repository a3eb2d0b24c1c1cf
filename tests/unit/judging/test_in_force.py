"""The file of expected ports that counts: the last good one."""

import os
from pathlib import Path

import pytest

from porteye_core.judging import expected_file
from porteye_core.judging.in_force import WatchedFile

GOOD = "[[expected]]\nport = 22\n"


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(expected_file, "OF_SYSTEM", tmp_path / "etc" / "expected.toml")
    return tmp_path / "porteye.db"


def save(db: Path, text: str) -> Path:
    """Save as an editor does: another file takes the name."""
    new = db.with_name("new")
    new.write_text(text)
    return new.rename(db.with_name("expected.toml"))


def test_without_a_file_nothing_is_judged_and_nothing_is_wrong(db: Path) -> None:
    found = WatchedFile(None, db).in_force()
    assert (found.judge, found.error) == (None, "")


def test_a_file_that_comes_counts_at_once_and_one_that_goes_no_longer(db: Path) -> None:
    watched = WatchedFile(None, db)
    assert watched.in_force().judge is None
    file = save(db, GOOD)
    first = watched.in_force()
    assert first.judge is not None
    assert watched.in_force() is first
    save(db, GOOD.replace("22", "80"))
    second = watched.in_force().judge
    assert second is not None
    assert second.expected.blocks[0].ports == ((80, 80),)
    file.unlink()
    assert watched.in_force().judge is None


def test_a_wrong_file_is_said_with_its_line_and_the_last_good_one_counts(db: Path) -> None:
    watched = WatchedFile(None, db)
    file = save(db, GOOD)
    good = watched.in_force().judge
    save(db, f"{GOOD}prot = 'tcp'\n")
    found = watched.in_force()
    assert found.judge is good
    assert f"{file}, line 3" in found.error
    save(db, GOOD)
    assert watched.in_force().error == ""


def test_a_wrong_file_alone_judges_nothing(db: Path) -> None:
    save(db, "[[")
    found = WatchedFile(None, db).in_force()
    assert found.judge is None
    assert "is not TOML" in found.error


def test_a_file_that_is_named_and_not_there_is_an_error(db: Path) -> None:
    named = db.with_name("mine.toml")
    watched = WatchedFile(named, db)
    assert "mine.toml" in watched.in_force().error
    named.write_text(GOOD)
    assert watched.in_force().error == ""
    os.unlink(named)  # noqa: PTH108
    gone = watched.in_force()
    assert gone.judge is not None
    assert "mine.toml" in gone.error
