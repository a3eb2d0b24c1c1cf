"""Copies of the database: one moment, checked, never over another file; and the way back."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from porteye_core.errors import StoreError, StoreMissing, StoreNewer
from porteye_core.model import Precision
from porteye_core.monitor import command_line
from porteye_core.store.file import backup
from porteye_core.store.file.backup import back_up
from porteye_core.store.file.migrations import PAGE_SIZE
from porteye_core.store.writing.writer import Opening, Writer
from tests.kit.opener import Opener
from tests.kit.rights import posix, root
from tests.kit.seeding import Instant
from tests.kit.service import monitor, rows, run_service
from tests.kit.small_disk import small_disk
from tests.kit.values import SECOND, endpoint, owned
from tests.kit.waiting import until

COUNTS = "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM listener)"
SCANS = "SELECT 1 FROM tick WHERE watch_id > ?"  # its first tick follows the first scan


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Where the copy goes: a folder of its own, so that whatever is left behind shows."""
    (tmp_path / "copies").mkdir()
    return tmp_path / "copies" / "porteye.db"


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def opened(writer: Writer, port: int) -> None:
    at = port * SECOND
    writer.record_changes(at, [Opening(owned(endpoint(port)), at, Precision.KERNEL)])


def test_a_copy_is_one_moment_whatever_is_written_between_its_steps(
    db: Path, copy: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(writer, 1)
    left: list[int] = []

    def write(_: int, remaining: int, _total: int) -> None:
        assert not left or remaining < left[-1], "the copy began anew"
        left.append(remaining)
        opened(writer, 1000 + len(left))  # waits for nobody, or raises after 5 s

    monkeypatch.setattr(backup, "_let_signals_in", write)
    monkeypatch.setattr(backup, "_PAGES", 4)
    made = back_up(db, copy)
    assert len(left) > 5
    assert (made.events, made.listeners) == (1, 1)
    assert rows(copy, COUNTS) == [(1, 1)]
    assert rows(db, COUNTS) == [(1 + len(left), 1 + len(left))]


def test_a_copy_says_what_it_holds(seeded: Instant, copy: Path) -> None:
    made = back_up(seeded.db, copy)
    assert [(made.events, made.listeners)] == rows(seeded.db, COUNTS)
    assert [(made.newest,)] == rows(seeded.db, "SELECT max(seen_at) FROM watch")
    assert made.size == copy.stat().st_size


@posix
def test_a_copy_is_its_owners_alone_and_one_file(seeded: Instant, copy: Path) -> None:
    back_up(seeded.db, copy)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert copy.stat().st_nlink == 1
    assert names(copy.parent) == [copy.name]


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_nothing_is_overwritten(seeded: Instant, copy: Path, kind: str) -> None:
    if kind == "file":
        copy.write_text("precious")
    elif kind == "link":
        copy.symlink_to(copy.with_name("nowhere"))
    else:
        copy.mkdir()
    with pytest.raises(StoreError, match="exists already"):
        back_up(seeded.db, copy)
    assert names(copy.parent) == [copy.name]
    assert kind != "file" or copy.read_text() == "precious"


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_a_file_that_gets_the_name_meanwhile_stays(
    seeded: Instant, copy: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    def refuse(*_: object, **_kinds: object) -> None:
        raise PermissionError(1, "no links here")  # what FAT says

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(backup, "_let_signals_in", lambda *_: copy.write_text("quicker"))
    with pytest.raises(StoreError, match="exists already"):
        back_up(seeded.db, copy)
    assert copy.read_text() == "quicker"
    assert names(copy.parent) == [copy.name]


def test_a_file_system_without_links_takes_a_copy(
    seeded: Instant, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **_kinds: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    back_up(seeded.db, copy)
    assert names(copy.parent) == [copy.name]
    assert rows(copy, COUNTS) == rows(seeded.db, COUNTS)


def test_a_database_that_is_not_there_is_said(copy: Path) -> None:
    with pytest.raises(StoreMissing):
        back_up(copy.with_name("absent.db"), copy)
    assert names(copy.parent) == []


def test_a_folder_that_is_not_there_is_said(seeded: Instant, copy: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written: No such file or directory"):
        back_up(seeded.db, copy.parent / "absent" / "x.db")


def test_an_older_schema_is_copied_and_a_newer_one_refused(abandoned: Instant, copy: Path) -> None:
    _change(abandoned.db, "PRAGMA user_version = 4")
    back_up(abandoned.db, copy)
    assert rows(copy, "PRAGMA user_version") == [(4,)]
    _change(abandoned.db, "PRAGMA user_version = 999")
    with pytest.raises(StoreNewer):
        back_up(abandoned.db, copy.with_name("newer.db"))


def test_another_programs_database_is_refused(tmp_path: Path, copy: Path) -> None:
    _change(tmp_path / "other.db", "CREATE TABLE event (id)")
    with pytest.raises(StoreError, match="not a PortEye database"):
        back_up(tmp_path / "other.db", copy)
    assert names(copy.parent) == []


def test_damage_that_the_check_finds_leaves_no_copy(abandoned: Instant, copy: Path) -> None:
    _change(abandoned.db, "PRAGMA wal_checkpoint(TRUNCATE)")
    whole = abandoned.db.read_bytes()
    (page,) = rows(abandoned.db, "SELECT rootpage FROM sqlite_master WHERE name = 'event_at'")[0]
    begin = (int(str(page)) - 1) * PAGE_SIZE
    end = begin + PAGE_SIZE
    abandoned.db.write_bytes(whole[:begin] + bytes(PAGE_SIZE) + whole[end:])
    with pytest.raises(StoreError, match="did not pass its check"):
        back_up(abandoned.db, copy)
    assert names(copy.parent) == []


def test_a_schema_that_is_no_text_leaves_no_copy(abandoned: Instant, copy: Path) -> None:
    _change(abandoned.db, "PRAGMA wal_checkpoint(TRUNCATE)")
    whole = abandoned.db.read_bytes()
    assert b"CREATE TABLE event" in whole
    # SQLite names the two bytes in its error.
    abandoned.db.write_bytes(whole.replace(b"CREATE TABLE event", b"CREATE T\xfdBLE event"))
    with pytest.raises(StoreError, match="did not pass its check: its schema is not text"):
        back_up(abandoned.db, copy)
    assert names(copy.parent) == []


def test_a_row_that_refers_to_none_leaves_no_copy(abandoned: Instant, copy: Path) -> None:
    _change(abandoned.db, "DELETE FROM program")
    with pytest.raises(StoreError, match="refers to a missing row of program"):
        back_up(abandoned.db, copy)
    assert names(copy.parent) == []


def test_a_changed_letter_passes_the_check_as_the_document_says(
    abandoned: Instant, copy: Path
) -> None:
    _change(abandoned.db, "PRAGMA wal_checkpoint(TRUNCATE)")
    whole = abandoned.db.read_bytes()
    assert b"/usr/bin/" in whole
    abandoned.db.write_bytes(whole.replace(b"/usr/bin/", b"/usr/bim/"))
    back_up(abandoned.db, copy)
    assert b"/usr/bim/" in copy.read_bytes()


@posix
@root
def test_a_full_disk_is_said_and_leaves_nothing(seeded: Instant, tmp_path: Path) -> None:
    with small_disk(tmp_path, "32k") as small:
        with pytest.raises(StoreError, match=r"disk is full|No space left"):
            back_up(seeded.db, small / "x.db")
        assert names(small) == []


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_leaves_nothing(
    seeded: Instant, copy: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(backup, "_let_signals_in", lambda *_: os.kill(os.getpid(), number))
    assert command_line.main(["x", "--db", str(seeded.db), "--backup", str(copy)]) == 1
    assert names(copy.parent) == []


def test_a_running_monitor_is_backed_up_and_what_is_restored_goes_on(db: Path, copy: Path) -> None:
    """The steps of README's "Backup and restore", with the real programs."""
    with Opener() as opener:
        port = opener.listen()
        lives = "SELECT count(*) FROM listener WHERE port = ?"
        with monitor(db) as running:
            until(lambda: rows(db, lives, port) == [(1,)], "the port is recorded")
            done = run_service("--db", str(db), "--backup", str(copy))
            assert done.returncode == 0, done.stderr
            assert running.poll() is None
        (line,) = done.stderr.splitlines()
        events, listeners = rows(copy, COUNTS)[0]
        assert f"copied {events} events and {listeners} listeners" in line
        begun = rows(copy, "SELECT max(id) FROM watch")[0][0]

        aside = db.parent / "aside"
        aside.mkdir()
        for part in db.parent.glob(f"{db.name}*"):
            part.rename(aside / part.name)
        shutil.copy(copy, db)

        with monitor(db):
            assert rows(db, "SELECT count(*) FROM event WHERE id <= ?", events) == [(events,)]
            old = rows(db, "SELECT count(*) FROM listener WHERE id <= ?", listeners)
            assert old == [(listeners,)]
            until(lambda: rows(db, SCANS, begun), "the new watch has scanned")
            assert rows(db, lives, port) == [(1,)]  # what stayed open is not opened again
            assert rows(db, "SELECT max(id) FROM watch") == [(int(str(begun)) + 1,)]


@pytest.mark.skipif(sys.platform != "linux", reason="the kit drops rights as Linux does")
@root
def test_a_user_without_rights_is_told(seeded: Instant, copy: Path) -> None:
    flags = ["--db", str(seeded.db), "--backup", str(copy)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.kit.as_nobody", *flags],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Permission denied" in done.stderr
    assert "Traceback" not in done.stderr


def _change(db: Path, statement: str) -> None:
    connection = sqlite3.connect(db, isolation_level=None)
    connection.execute(statement)
    connection.close()
