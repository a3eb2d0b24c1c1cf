"""The log of the database and its index: deleted, replaced, or held by a reader."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from porteye_core.api import create_api
from porteye_core.config import Config
from porteye_core.model import Limitation, Precision, RetentionPolicy
from porteye_core.store.file import lock
from porteye_core.store.file.connection import open_connection
from porteye_core.store.file.held_wal import _readers
from porteye_core.store.reading import open_reader
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.conftest import PLAN
from tests.kit.opener import Opener
from tests.kit.rights import posix
from tests.kit.service import monitor, rows
from tests.kit.values import HOST, SECOND, endpoint, owned
from tests.kit.waiting import until

pytestmark = posix
DAY = 86_400 * SECOND


def record(writer: Writer, port: int) -> None:
    writer.record_changes(5, [Opening(owned(endpoint(port)), 5, Precision.POLL)])


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


def record_and_copy(db: Path, writer: Writer, old: Path) -> None:
    """Record 29 openings of a watch, and copy the WAL that has them."""
    writer.begin_watch(1, PLAN)
    for port in range(1, 30):
        record(writer, port)
    shutil.copy(log_of(db), old)


hand = pytest.mark.parametrize(
    "do", [delete_the_log, empty_the_log, restore_an_old_log, delete_the_index, delete_both]
)


@hand
def test_a_log_that_is_deleted_in_use_loses_nothing_and_is_told(
    db: Path, tmp_path: Path, do: Callable[[Path, Path], None]
) -> None:
    old = tmp_path / "old"
    with open_writer(db, HOST, 1) as writer:
        record_and_copy(db, writer, old)
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
    assert [each.name for each in watch.plan.limitations] == ["log_deleted"]
    assert stored(db) == (list(range(1, 52)), 1, "ok")


@hand
def test_a_log_that_is_deleted_under_a_reader_waits_for_it_and_loses_nothing(
    db: Path, tmp_path: Path, do: Callable[[Path, Path], None]
) -> None:
    old = tmp_path / "old"
    with open_writer(db, HOST, 1) as writer:
        record_and_copy(db, writer, old)
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


# By process: other programs may use the same ports in the meantime.
OF_PROCESS = (
    "SELECT e.port FROM event e JOIN listener l ON l.id = e.listener_id"
    " JOIN process p ON p.id = l.process_id WHERE p.pid = ? ORDER BY e.port"
)


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
    # The next tick is an hour away.
    with Opener() as opener, monitor(db, "--sample-interval", "3600") as process:
        before = [opener.listen() for _ in range(10)]
        until(lambda: set(before) <= ports(db), "they are seen", 90)
        shutil.copy(log_of(db), old)
        during = [opener.listen() for _ in range(10)]
        until(lambda: set(during) <= ports(db), "the others, too", 90)
        do(db, old)
        after = [opener.listen() for _ in range(10)]
        until(lambda: seen(db, told), "it is noticed", 90)
        until(lambda: {*before, *during, *after} <= ports(db), "all are stored", 90)
        process.terminate()
        _, log = process.communicate(timeout=20)
    found = [port for (port,) in rows(db, OF_PROCESS, opener.pid)]
    assert found == sorted([*before, *during, *after])
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


@contextmanager
def outsiders(db: Path) -> Iterator[subprocess.Popen[str]]:
    """Run another program that begins to read the database and does not end."""
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], uri=True, isolation_level=None);"
        "c.execute('BEGIN'); c.execute('SELECT count(*) FROM event').fetchone();"
        "print('reads', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, f"{db.as_uri()}?mode=ro"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "reads\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def grow(writer: Writer, db: Path, most: int) -> None:
    """Write until the WAL is larger than this."""
    while log_of(db).stat().st_size <= most:
        lives = [Opening(owned(endpoint(port)), 5, Precision.POLL) for port in range(1, 2001)]
        born = writer.record_changes(5, lives)
        writer.record_changes(6, closed=[Closing(each, 6, Precision.POLL) for each in born])


def reported(db: Path) -> list[Limitation]:
    """The limitations of the status that tell of a held WAL."""
    with open_reader(db) as reader:
        watch = reader.status(1).watch
    assert watch is not None
    return [each for each in watch.plan.limitations if each.name == "log_held"]


def test_a_reader_that_stays_is_reported_with_its_process_until_it_ends(
    db: Path, caplog: pytest.LogCaptureFixture
) -> None:
    most = 10_000_000 // 4
    with open_writer(db, HOST, 1, RetentionPolicy(size=10_000_000)) as writer:
        writer.begin_watch(1, PLAN)
        with outsiders(db) as outsider:
            grow(writer, db, most)
            for second in range(12):
                writer.measure(second * SECOND, second * SECOND)
            (limit,) = reported(db)
            assert limit.text.startswith("Since 1970-01-01 00:00:00 UTC or earlier")
            size = int(limit.text.split(" MB")[0].split()[-1])
            assert size == log_of(db).stat().st_size // 1_000_000
            if sys.platform == "linux":
                assert limit.hint == f"End the readers: pid {outsider.pid}."
            assert caplog.text.count("from being emptied") == 1
            # Nothing is dropped meanwhile: that would make the WAL larger.
            before = log_of(db).stat().st_size
            writer.purge_step(DAY, DAY)
            assert log_of(db).stat().st_size == before
        for port in (7, 8):  # the first finds the WAL written back, the second begins it anew
            record(writer, port)
        writer.measure(20 * SECOND, 20 * SECOND)
        assert log_of(db).stat().st_size <= most
        (limit,) = reported(db)
        assert limit.text.startswith("From 1970-01-01 00:00:00 UTC to 1970-01-01 00:00:20 UTC")


def test_readers_that_come_and_go_are_not_reported(db: Path) -> None:
    with open_writer(db, HOST, 1, RetentionPolicy(size=10_000_000)) as writer:
        writer.begin_watch(1, PLAN)
        for second in range(30):
            with open_connection(db) as reader:
                reader.execute("SELECT count(*) FROM event").fetchone()
                record(writer, second)
                writer.measure(second * SECOND, second * SECOND)
        assert reported(db) == []


@pytest.mark.parametrize(
    ("line", "pids"),
    [
        ("1: POSIX  ADVISORY  READ 4711 fe:00:77 124 124", [4711]),
        ("1: POSIX  ADVISORY  READ 4711 fe:00:78 124 124", []),
        ("1: POSIX  ADVISORY  WRITE 4711 fe:00:77 120 120", []),
        ("1: POSIX  ADVISORY  READ 4711 fe:00:77 128 128", []),
        ("1: POSIX  ADVISORY  READ 4711 fe:00:77 0 EOF", []),
        ("1: FLOCK  ADVISORY  READ 4711 fe:00:77 124 124", []),
        ("1: OFDLCK ADVISORY  READ -1 fe:00:77 124 124", []),
        ("1: -> POSIX  ADVISORY  READ 4711 fe:00:77 124 124", []),
    ],
)
def test_a_reader_is_a_process_that_locks_a_byte_of_readers(line: str, pids: list[int]) -> None:
    assert _readers(line, "fe:00:77") == pids


def test_a_real_monitor_reports_a_held_wal_in_its_log_and_to_the_api(db: Path) -> None:
    # 2.5 MB are for the WAL. A line for each life would fill the pipe of the log.
    flags = ("--max-size", "10MB", "--sample-interval", "0.4", "--log-level", "warning")
    api = TestClient(create_api(Config(db)), base_url="http://127.0.0.1")
    with monitor(db, *flags) as process, outsiders(db) as outsider, Opener() as opener:

        def held() -> list[str]:
            for _ in range(20):
                opener.close(opener.listen())
            limitations = api.get("/health").json()["limits"]
            return [each["hint"] for each in limitations if each["name"] == "log_held"]

        (hint,) = until(held, "the held WAL is reported", 120)
        if sys.platform == "linux":
            assert f"pid {outsider.pid}" in hint
        process.terminate()
        _, log = process.communicate(timeout=20)
    assert log.count("from being emptied") == 1
    assert "Traceback" not in log
