"""The log of the database and its index: deleted, replaced, or held by a reader."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from porteye_core.model import Seen
from porteye_core.store import lock
from porteye_core.store.connection import open_connection
from porteye_core.store.reading import open_reader
from porteye_core.store.sqlite import open_writer
from porteye_core.store.writer import Opening, Writer
from tests.conftest import PLAN
from tests.kit.opener import Opener
from tests.kit.rights import posix
from tests.kit.service import monitor, rows
from tests.kit.values import HOST, SECOND, endpoint, owned
from tests.kit.waiting import until

pytestmark = posix


def record(writer: Writer, port: int) -> None:
    writer.record_changes(5, [Opening(owned(endpoint(port)), 5, Seen.POLL)])


def delete_the_log(db: Path, _old: Path) -> None:
    log_of(db).unlink()


def empty_the_log(db: Path, _old: Path) -> None:
    log_of(db).unlink()
    log_of(db).touch()


def restore_an_old_log(db: Path, old: Path) -> None:
    log_of(db).unlink()
    shutil.copy(old, log_of(db))


def delete_the_index(db: Path, _old: Path) -> None:
    db.with_name(f"{db.name}-shm").unlink()


def delete_both(db: Path, old: Path) -> None:
    delete_the_log(db, old)
    delete_the_index(db, old)


def log_of(db: Path) -> Path:
    return db.with_name(f"{db.name}-wal")


hand = pytest.mark.parametrize(
    "do", [delete_the_log, empty_the_log, restore_an_old_log, delete_the_index, delete_both]
)


@hand
def test_a_log_that_is_deleted_in_use_loses_nothing_and_is_told(
    db: Path, tmp_path: Path, do: Callable[[Path, Path], None]
) -> None:
    old = tmp_path / "old"
    with open_writer(db, HOST, 1) as writer:
        writer.begin_watch(1, PLAN)
        for port in range(1, 30):
            record(writer, port)
        shutil.copy(log_of(db), old)
        for port in range(30, 50):
            record(writer, port)
        do(db, old)
        record(writer, 50)
        writer.retry(SECOND)
        assert not writer.is_renewed
        record(writer, 51)
        assert stored(db) == (list(range(1, 52)), 1, "ok")
        with open_reader(db) as reader:
            watch = reader.status(1).watch
    assert watch is not None
    assert [each.name for each in watch.plan.limits] == ["log_deleted"]
    assert stored(db) == (list(range(1, 52)), 1, "ok")


@hand
def test_a_log_that_is_deleted_under_a_reader_waits_for_it_and_loses_nothing(
    db: Path, tmp_path: Path, do: Callable[[Path, Path], None]
) -> None:
    old = tmp_path / "old"
    with open_writer(db, HOST, 1) as writer:
        writer.begin_watch(1, PLAN)
        for port in range(1, 30):
            record(writer, port)
        shutil.copy(log_of(db), old)
        with open_connection(db) as reader:
            assert len(reader.execute("SELECT * FROM event").fetchall()) == 29
            for port in range(30, 50):
                record(writer, port)
            do(db, old)
            record(writer, 50)
            holder = lock.holder(db)
            assert holder is not None
            assert "a reader of the database keeps the log" in holder.trouble
        for elapsed in (1, 2):
            writer.retry(elapsed * SECOND)
        assert stored(db) == (list(range(1, 51)), 1, "ok")


def stored(db: Path) -> tuple[list[int], int, str]:
    """The ports of the events, the number of watches, and the word of SQLite's check."""
    with closing(sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)) as reader:
        ports = [port for (port,) in reader.execute("SELECT port FROM event ORDER BY id")]
        (watches,) = reader.execute("SELECT count(*) FROM watch").fetchone()
        (check,) = reader.execute("PRAGMA integrity_check").fetchone()
    return ports, watches, check


@hand
def test_a_real_monitor_notices_within_seconds_and_its_watch_goes_on(
    db: Path, tmp_path: Path, do: Callable[[Path, Path], None]
) -> None:
    old = tmp_path / "old"
    told = "SELECT 1 FROM watch WHERE limits LIKE '%log_deleted%'"
    # The next beat is an hour away.
    with Opener() as opener, monitor(db, "--sample-interval", "3600") as process:
        before = [opener.listen() for _ in range(10)]
        until(lambda: set(before) <= ports(db), "they are seen")
        shutil.copy(log_of(db), old)
        during = [opener.listen() for _ in range(10)]
        until(lambda: set(during) <= ports(db), "the others, too")
        do(db, old)
        after = [opener.listen() for _ in range(10)]
        until(lambda: seen(db, told), "it is noticed")
        until(lambda: {*before, *during, *after} <= ports(db), "all are stored")
        process.terminate()
        _, log = process.communicate(timeout=20)
    mine = {*before, *during, *after}
    found = [port for port in stored(db)[0] if port in mine]
    assert sorted(found) == sorted(mine)
    assert stored(db)[1:] == (1, "ok")
    assert "Traceback" not in log
    assert process.returncode == 0


def ports(db: Path) -> set[object]:
    return {port for (port,) in seen(db, "SELECT port FROM event")}


def seen(db: Path, statement: str) -> list[tuple[object, ...]]:
    """The answer, empty while the database has no log that fits it."""
    try:
        return rows(db, statement)
    except sqlite3.DatabaseError:
        return []
