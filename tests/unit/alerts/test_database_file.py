"""Whether a database has changed, by two calls of stat."""

import os
from pathlib import Path

from porteye_core.alerts.database_file import DatabaseFile


def age(*files: Path) -> None:
    """Make the times of files so old that they prove something."""
    for each in files:
        os.utime(each, (1, 1))


def test_a_file_has_changed_until_it_is_as_it_was(tmp_path: Path) -> None:
    db, log = tmp_path / "a.db", tmp_path / "a.db-wal"
    file = DatabaseFile(db)
    assert file.has_changed()
    assert not file.has_changed()
    assert file.identity == ""
    db.write_bytes(b"x")
    age(db)
    assert file.has_changed()
    assert not file.has_changed()
    log.write_bytes(b"x")
    age(log)
    assert file.has_changed()
    assert not file.has_changed()


def test_a_file_that_is_young_may_change_unseen_and_counts_as_changed(tmp_path: Path) -> None:
    db = tmp_path / "a.db"
    file = DatabaseFile(db)
    db.write_bytes(b"x")
    assert file.has_changed()
    assert file.has_changed()


def test_an_empty_log_is_none(tmp_path: Path) -> None:
    db = tmp_path / "a.db"
    db.write_bytes(b"x")
    age(db)
    file = DatabaseFile(db)
    file.has_changed()
    (tmp_path / "a.db-wal").touch()
    assert not file.has_changed()


def test_a_file_in_its_place_is_another_one(tmp_path: Path) -> None:
    db, other = tmp_path / "a.db", tmp_path / "b.db"
    for each in (db, other):
        each.write_bytes(b"x")
        age(each)
    file = DatabaseFile(db)
    before = file.identity
    file.has_changed()
    other.replace(db)
    assert file.has_changed()
    assert file.identity != before
    file.forget()
    assert file.has_changed()
