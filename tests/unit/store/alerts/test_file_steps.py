"""An alerts database of a version without hosts: brought up to date, with all that it has."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from porteye_core.errors import StoreError, StoreMissing
from porteye_core.store.alerts import (
    Cursor,
    IdentityRow,
    Note,
    beside,
    cursor,
    identities,
    notes,
    open_listeners,
    open_to_read,
    open_to_write,
    read_notes,
)
from porteye_core.store.alerts import file as files
from porteye_core.store.alerts.file import APPLICATION_ID

KEY = '["tcp", 22, "every interface", "ssh.service", "root"]'
ROWS = f"""
INSERT INTO finding (key, kind, verdict, at, found_at, protocol, address, exposure, program, user,
    unit, container, why, label, host, brief_count, ended_why)
VALUES ('{KEY}', 'listener', 'new', 1, 2, 'tcp', '', '', '', '', '', '', '', '', 'here', 0, '');
INSERT INTO cursor VALUES (1, 7, 'mark', '1:2', 3, 4, 'boot', 5, 6, 8, 9, 10, '2026-11-28');
INSERT INTO identity VALUES ('{KEY}', 'new', 1, NULL, NULL, 1, 'new', '[]', 0);
INSERT INTO open_listener VALUES (5, '{KEY}', 1);
INSERT INTO note VALUES ('{KEY}', 'SSH', '', '', 11, NULL, 'ada', 12, 'ada', 'ada', 12);
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An alerts database of schema 1."""
    file = beside(tmp_path / "porteye.db")
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(files._STEPS[0] + ROWS)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        connection.commit()
    return file


def test_it_keeps_all_that_it_has_as_that_of_this_machine(old: Path) -> None:
    with open_to_write(old) as connection:
        assert cursor(connection) == Cursor(
            7, "mark", "1:2", 3, 4, "boot", 5, 6, 8, 9, 10, "2026-11-28"
        )
        assert identities(connection) == [IdentityRow(KEY, "new", 1, None, None, 1, "new", "[]", 0)]
        assert open_listeners(connection) == [(5, KEY, 1)]
        assert notes(connection) == [
            Note(KEY, "SSH", "", "", 11, None, "ada", 12, "ada", "ada", 12)
        ]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert [row[0] for row in connection.execute("PRAGMA integrity_check")] == ["ok"]


def test_who_reads_it_and_may_write_brings_it_up_to_date(old: Path) -> None:
    assert [each.label for each in read_notes(old)] == ["SSH"]
    with open_to_read(old) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(files._STEPS)


def test_who_may_not_write_is_told_and_misses_no_accept_in_silence(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_, **__: False)
    with pytest.raises(StoreError, match="has schema 1, and this program reads") as raised:
        read_notes(old)
    assert not isinstance(raised.value, StoreMissing)
