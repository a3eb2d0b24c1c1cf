"""The writer, on real files."""

import os
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from porteye_core.errors import StoreError, StoreHeld, StoreMissing, StoreNewer, StoreOlder
from porteye_core.model import Hidden, Kind, Limitation, Precision, Sample, Tick
from porteye_core.store.file import lock, migrations
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading import State, open_reader
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer, listener_of
from tests.conftest import PLAN
from tests.kit.rights import posix, root
from tests.kit.values import HOST, SECOND, by_id, endpoint, owned, process


def test_what_was_open_is_found_again_as_it_was(writer: Writer) -> None:
    master, worker = process(10, name="master"), process(11, name="worker")
    seen = [
        owned(endpoint(80), master, inode=7, fd=3, holders=(master, worker)),
        owned(endpoint(53, "udp", "::1")),
    ]
    born = writer.record_changes(
        2 * SECOND, [Opening(each, 2 * SECOND, Precision.POLL) for each in seen]
    )
    assert writer.open_listeners(by_id) == {each.id: each for each in born}
    assert born[0] == listener_of(born[0].id, seen[0], 2 * SECOND)


def test_an_opening_and_a_closing_are_a_life_and_two_events(db: Path, writer: Writer) -> None:
    (born,) = writer.record_changes(5, [Opening(owned(owner=process()), 5, Precision.POLL)])
    writer.record_changes(9, closed=[Closing(born, 9, Precision.GAP)])
    assert writer.open_listeners(by_id) == {}
    with open_connection(db) as reader:
        events = reader.execute("SELECT at, kind, seen, port FROM event ORDER BY id").fetchall()
        life = reader.execute("SELECT opened_at, closed_at, closed_seen FROM listener").fetchone()
    assert [tuple(e) for e in events] == [
        (5, Kind.OPENED, Precision.POLL, 80),
        (9, Kind.CLOSED, Precision.GAP, 80),
    ]
    assert tuple(life) == (5, 9, Precision.GAP)


def test_a_life_never_ends_before_it_began(db: Path, writer: Writer) -> None:
    (born,) = writer.record_changes(50, [Opening(owned(), 50, Precision.POLL)])
    writer.record_changes(20, closed=[Closing(born, 20, Precision.POLL)])
    with open_connection(db) as reader:
        assert reader.execute("SELECT closed_at FROM listener").fetchone()[0] == 50


def test_a_program_is_stored_once_and_a_process_once(db: Path, writer: Writer) -> None:
    seen = [owned(endpoint(port), process(10 + port % 2)) for port in range(1, 7)]
    writer.record_changes(5, [Opening(each, 5, Precision.POLL) for each in seen])
    with open_connection(db) as reader:
        assert reader.execute("SELECT count(*) FROM program").fetchone()[0] == 1
        assert reader.execute("SELECT count(*) FROM process").fetchone()[0] == 2


def test_an_owner_learnt_later_replaces_the_reason(db: Path, writer: Writer) -> None:
    unknown = replace(owned(), hidden=Hidden.PRIVILEGE)
    (born,) = writer.record_changes(5, [Opening(unknown, 5, Precision.POLL)])
    writer.record_changes(6, reowned=[(born, owned(owner=process()))])
    with open_connection(db) as reader:
        row = reader.execute("SELECT hidden, process_id FROM listener").fetchone()
    assert row["hidden"] is None
    assert row["process_id"] is not None


def test_a_tick_stores_its_samples(db: Path, writer: Writer, tick: Tick) -> None:
    (born,) = writer.record_changes(5, [Opening(owned(), 5, Precision.POLL)])
    writer.record_tick(replace(tick, size=4096), [Sample(born.id, cpu=2500, rss=1000, clients=3)])
    with open_connection(db) as reader:
        row = reader.execute(
            "SELECT t.at, scan_us, t.size, s.cpu, s.rss FROM tick t JOIN sample s"
        ).fetchone()
        assert tuple(row) == (tick.at, 900, 4096, 2500, 1000)
        assert reader.execute("SELECT seen_at FROM watch").fetchone()[0] == tick.at


def test_a_write_that_fails_stores_nothing_of_itself(db: Path, writer: Writer) -> None:
    good, bad = owned(endpoint(80), process()), owned(endpoint(99999), process())
    with pytest.raises(StoreError):
        writer.record_changes(5, [Opening(each, 5, Precision.POLL) for each in (good, bad)])
    with open_connection(db) as reader:
        for table in ("listener", "event", "process", "program"):
            assert reader.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0
    assert writer.record_changes(6, [Opening(good, 6, Precision.POLL)])


def test_a_new_database_gives_freed_space_back_and_knows_itself(db: Path, writer: Writer) -> None:
    with open_connection(db) as reader:
        pragmas = {
            name: reader.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("auto_vacuum", "application_id", "journal_mode", "page_size")
        }
    assert pragmas == {
        "auto_vacuum": 2,
        "application_id": migrations.APPLICATION_ID,
        "journal_mode": "wal",
        "page_size": migrations.PAGE_SIZE,
    }


def test_readers_cannot_write(db: Path, writer: Writer) -> None:
    with open_connection(db) as reader, pytest.raises(sqlite3.DatabaseError):
        reader.execute("DELETE FROM host")


def test_a_reader_reads_after_the_writer_has_gone(db: Path) -> None:
    with open_writer(db, HOST, 1):
        pass
    with open_connection(db) as reader:
        assert reader.execute("SELECT name FROM host").fetchone()[0] == "here"


def test_a_missing_an_older_and_a_newer_database_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing), open_connection(tmp_path / "absent.db"):
        pass
    for version, error in ((0, StoreOlder), (len(migrations.STEPS) + 1, StoreNewer)):
        path = tmp_path / f"{version}.db"
        made = sqlite3.connect(path)
        made.execute(f"PRAGMA user_version = {version}")
        made.execute("CREATE TABLE something (x)")
        made.close()
        with pytest.raises(error), open_connection(path):
            pass
    made = sqlite3.connect(path)
    made.execute(f"PRAGMA application_id = {migrations.APPLICATION_ID}")
    made.close()
    with pytest.raises(StoreNewer), open_writer(path, HOST, 1):
        pass


def test_a_file_that_is_no_database_is_left_as_it_is(db: Path) -> None:
    db.write_text("this is a diary, not a database\n" * 100)
    before = db.read_bytes()
    with pytest.raises(StoreError, match="cannot be used as a database"), open_writer(db, HOST, 1):
        pass
    with pytest.raises(StoreError), open_connection(db):
        pass
    assert db.read_bytes() == before


def test_a_database_of_something_else_is_not_taken_over(db: Path) -> None:
    other = sqlite3.connect(db)
    other.execute("CREATE TABLE contacts (name)")
    other.close()
    before = db.read_bytes()
    with pytest.raises(StoreError, match="another kind of file"), open_writer(db, HOST, 1):
        pass
    assert db.read_bytes() == before


@posix
def test_a_link_is_never_followed(db: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    for link in (db, lock.path_of(db)):
        precious.write_text("do not touch")
        link.symlink_to(precious)
        with pytest.raises(StoreError), open_writer(db, HOST, 1):
            pass
        assert precious.read_text() == "do not touch"
        for left in db.parent.glob(db.name + "*"):
            left.unlink()


@posix
def test_a_lock_that_is_no_lock_is_left_as_it_is(db: Path) -> None:
    lock.path_of(db).write_text("a letter")
    with pytest.raises(StoreError, match="is not the lock"), open_writer(db, HOST, 1):
        pass
    assert lock.path_of(db).read_text() == "a letter"


@root
def test_under_sudo_no_other_file_is_given_away(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_UID", "65534")
    db.write_text("127.0.0.1 localhost\n")
    db.chmod(0o644)
    with pytest.raises(StoreError), open_writer(db, HOST, 1):
        pass
    assert (db.stat().st_uid, stat.S_IMODE(db.stat().st_mode)) == (0, 0o644)


def test_a_step_that_fails_changes_nothing(
    db: Path, monkeypatch: pytest.MonkeyPatch, writer: Writer
) -> None:
    bad = "CREATE TABLE more (x); INSERT INTO absent VALUES (1);"
    monkeypatch.setattr(migrations, "STEPS", (*migrations.STEPS, bad))
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        with pytest.raises(StoreError, match=f"Step {len(migrations.STEPS)}"):
            migrations.migrate(connection)
        assert migrations.version(connection) == len(migrations.STEPS) - 1
        assert (
            connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'more'").fetchall() == []
        )
    connection.close()


def test_a_second_writer_is_told_who_the_first_is(db: Path, writer: Writer) -> None:
    with pytest.raises(StoreHeld, match=f"pid {os.getpid()}, since"), open_writer(db, HOST, 2):
        pass
    holder = lock.holder(db)
    assert holder == lock.Holder(os.getpid(), 1)


def test_the_lock_is_free_again_after_the_writer(db: Path) -> None:
    with open_writer(db, HOST, 1):
        pass
    assert lock.holder(db) is None


@posix
def test_only_the_owner_may_read_the_files(db: Path, writer: Writer) -> None:
    writer.record_changes(5, [Opening(owned(), 5, Precision.POLL)])
    kept = [path for path in db.parent.iterdir() if path.name.startswith(db.name)]
    assert len(kept) >= 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}


@posix
def test_a_database_that_others_could_read_is_closed_to_them(db: Path) -> None:
    db.touch(0o644)
    with open_writer(db, HOST, 1):
        assert stat.S_IMODE(db.stat().st_mode) == 0o600


@root
def test_under_sudo_the_files_belong_to_the_caller(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", "65534")
    monkeypatch.setenv("SUDO_GID", "65534")
    with open_writer(db, HOST, 1) as writer:
        writer.record_changes(5, [Opening(owned(), 5, Precision.POLL)])
        kept = [path for path in db.parent.iterdir() if path.name.startswith(db.name)]
        assert {path.stat().st_uid for path in kept} == {65534}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreError, match="absent"),
        open_writer(tmp_path / "absent" / "x.db", HOST, 1),
    ):
        pass


def test_the_limits_of_a_watch_are_kept(db: Path) -> None:
    limit = Limitation("unprivileged", "Owners are hidden.", "Run: sudo x")
    with open_writer(db, HOST, 1) as writer:
        writer.begin_watch(SECOND, replace(PLAN, limitations=(limit,)))
        with open_reader(db) as reader:
            current = reader.status(SECOND)
        assert current.state is State.WATCHING
        assert current.watch is not None
        assert current.watch.plan.limitations == (limit,)
