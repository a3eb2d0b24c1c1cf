"""The monitor beside a database that takes no write, is damaged, or is gone."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from porteye_core.model import Socket
from porteye_core.store.file import lock
from porteye_core.store.writing import write_queue
from porteye_core.store.writing.startup import open_writer
from tests.kit.app import dashboard
from tests.kit.opener import Opener
from tests.kit.rig import A, B, Rig, ScriptedClock
from tests.kit.rights import posix, root
from tests.kit.service import monitor, rows
from tests.kit.small_disk import fill, small_disk
from tests.kit.values import HOST, SECOND, endpoint
from tests.kit.waiting import until

EVENTS = "SELECT kind, seen FROM event WHERE port = ? ORDER BY id"
LIMITS = """
SELECT value ->> 'name' FROM watch, json_each(limits) WHERE watch.id = (SELECT max(id) FROM watch)
"""


@pytest.fixture
def rig(db: Path) -> Iterator[Rig]:
    with open_writer(db, HOST, 1) as writer:
        yield Rig(db, writer, ScriptedClock())


def limitations(db: Path) -> list[object]:
    return [row[0] for row in rows(db, LIMITS)]


def test_in_a_new_database_what_is_open_begins_with_a_gap(rig: Rig) -> None:
    rig.scan(A)
    rig.scan(A, B)
    for suffix in ("", "-wal", "-shm"):
        rig.db.with_name(rig.db.name + suffix).unlink()
    rig.scan(A, B, after=10 * SECOND)
    rig.monitor._writer.retry(rig.clock.elapsed())
    rig.scan(A, B)
    rig.scan(B)
    assert rig.events == [
        ("opened", 1001, "gap"),
        ("opened", 1002, "gap"),
        ("closed", 1001, "poll"),
    ]
    assert rig.rows("SELECT count(*) FROM watch") == [(1,)]


def test_what_no_memory_is_left_for_is_a_gap(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.scan(A)
    other = sqlite3.connect(rig.db, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    many = [Socket(endpoint(2000 + number)) for number in range(write_queue.MAX_CHANGES)]
    rig.scan(A, *many)
    rig.scan(B)  # nothing more is taken: neither this, nor that all the others closed
    rig.scan(B)
    assert [each.message for each in caplog.records if "So much waits" in each.message] != []
    other.execute("ROLLBACK")
    other.close()
    rig.monitor._writer.retry(rig.clock.elapsed())
    rig.scan(A, *many, B)
    assert rig.rows("SELECT count(*) FROM event WHERE kind = 'closed'") == [(0,)]
    assert ("opened", 1002, "gap") in rig.events
    assert rig.rows("SELECT gap / 1000000 FROM tick WHERE gap > 0") == [(3,)]


@posix
@root
def test_a_full_disk_is_shown_and_what_was_seen_meanwhile_is_stored_later(tmp_path: Path) -> None:
    with small_disk(tmp_path, "32m") as disk, Opener() as opener:
        db = disk / "x.db"
        with (
            monitor(db, "--sample-interval", "0.2") as process,
            dashboard(db, tmp_path, PORTEYE_MONITOR="off") as app,
        ):
            health = app.json("/api/health")
            assert (health["status"], health["trouble"]) == ("watching", None)
            filler = fill(disk)
            until(lambda: (lock.holder(db) or lock.Holder(0, 0)).trouble, "nothing can be written")
            port = opener.listen()
            health = app.json("/api/health")
            assert (health["status"], health["pid"]) == ("holding", process.pid)
            assert "full" in health["trouble"]
            status, answer = app.get("/api/ports")
            assert (status, "monitor_holding" in answer) == (503, True)
            assert rows(db, EVENTS, port) == []
            opener.close(port)
            filler.unlink()
            until(lambda: len(rows(db, EVENTS, port)) == 2, "both events are stored")
            until(lambda: limitations(db)[-1:] == ["unwritten"], "the watch says that it waited")
            assert app.json("/api/health")["status"] == "watching"
            assert rows(db, "SELECT count(*) FROM watch") == [(1,)]


@posix
def test_the_monitor_goes_on_in_a_new_database(db: Path) -> None:
    with monitor(db, "--sample-interval", "0.2") as process, Opener() as opener:
        port = opener.listen()
        until(lambda: rows(db, EVENTS, port), "it is seen")
        db.unlink()
        until(lambda: limitations(db)[-1:] == ["replaced"], "a new watch has begun")
        until(lambda: rows(db, EVENTS, port) == [("opened", "gap")], "it is seen again")
        assert process.poll() is None
    assert process.returncode == 0


@posix
def test_a_monitor_that_finds_its_database_damaged_sets_it_aside(db: Path) -> None:
    with monitor(db):
        pass
    db.write_bytes(db.read_bytes()[:100] + b"\xa5" * 50_000)
    damaged = db.read_bytes()
    with monitor(db) as process:
        assert limitations(db)[-1:] == ["set_aside"]
        process.terminate()
        _, log = process.communicate(timeout=120)
    [kept] = [each for each in db.parent.glob("*.corrupt-*") if each.name.endswith("Z")]
    assert kept.read_bytes() == damaged
    assert f"was set aside as {kept}; a new one begins." in log


@posix
def test_another_process_that_has_the_database_loses_nothing(db: Path) -> None:
    with monitor(db, "--sample-interval", "0.2") as process, Opener() as opener:
        other = sqlite3.connect(db, isolation_level=None)
        until(lambda: _locks(other), "the database is locked")
        until(lambda: (lock.holder(db) or lock.Holder(0, 0)).trouble, "nothing can be written")
        port = opener.listen()
        opener.close(port)
        later = opener.listen()
        other.execute("ROLLBACK")
        other.close()
        until(lambda: rows(db, EVENTS, later), "it is stored")
        assert process.poll() is None


def _locks(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    return True
