"""Databases of every earlier schema: brought up to date step by step, by the writer alone."""

import hashlib
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from porteye_core.api import create_api
from porteye_core.config import Config
from porteye_core.store.file import migrations
from porteye_core.store.writing.startup import open_writer
from tests.kit.old_database import BEGUN, old_database
from tests.kit.service import PROJECT, environment, run_service
from tests.kit.values import HOST, SECOND

NEWEST = len(migrations.STEPS)
UNWATCHED = 10  # the version since which a watch has the sum of the gaps
LEARNT = 5  # the version since which an event has its program as soon as that is learnt
# Of the statements in sqlite_master, by version.
RELEASED = (
    "89145e71a934f7b8",
    "c2c97ebab26959cf",
    "a060d955ed5cac6f",
    "008b3c64f0400fc1",
    "008b3c64f0400fc1",  # the fifth step changes rows alone
    "9cac2098d96648a8",
    "1f1ec558b7335df8",
    "7dd55a2ce3c2425b",
    "2889222e7e2dbb88",
    "816312b45c823752",
    "ffd73963f831b676",
    "fd64c930c72195b9",
)
KILLS = 50
every_version = pytest.mark.parametrize("version", range(1, NEWEST + 1))
earlier_version = pytest.mark.parametrize("version", range(1, NEWEST))


def ask(db: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(db)) as connection:
        return connection.execute(statement).fetchall()


def columns(db: Path) -> dict[str, list[str]]:
    """The stored columns of every table."""
    names = ask(db, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sql*'")
    return {
        str(name): [str(row[1]) for row in ask(db, f"PRAGMA table_info({name})")]
        for (name,) in names
    }


def contents(db: Path, of: dict[str, list[str]]) -> dict[str, list[tuple[object, ...]]]:
    """What these columns hold, in the order of the rows."""
    return {name: ask(db, f"SELECT {', '.join(held)} FROM {name}") for name, held in of.items()}


def migrate(db: Path) -> None:
    with open_writer(db, HOST, 1):
        pass


def assert_sound(db: Path) -> None:
    assert ask(db, "PRAGMA integrity_check") == [("ok",)]
    assert ask(db, "PRAGMA foreign_key_check") == []


def assert_counts_agree(db: Path) -> None:
    events = ask(db, "SELECT sum(kind = 'opened'), sum(kind = 'closed') FROM event")
    for counted in ("turnover", "activity"):
        sums = f"SELECT sum(opened), sum(closed) FROM {counted} WHERE resolution = 3600"
        assert ask(db, sums) == events


def test_the_files_of_the_schema_are_numbered_without_a_gap() -> None:
    folder = Path(migrations.__file__).with_name("schema")
    numbers = sorted(int(file.name.partition("_")[0]) for file in folder.iterdir())
    assert numbers == [*range(1, NEWEST + 1)]


@every_version
def test_the_schema_of_a_released_version_never_changes(version: int) -> None:
    """SQLite stores each statement as it was written, so even a blank would be another schema."""
    with closing(sqlite3.connect(":memory:")) as fresh:
        for step in migrations.STEPS[:version]:
            fresh.executescript(step)
        rows = fresh.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
        written = "\n".join(sql for (sql,) in rows)
    assert hashlib.sha256(written.encode()).hexdigest()[:16] == RELEASED[version - 1]


@every_version
def test_every_row_of_an_earlier_database_is_kept_as_it_was(db: Path, version: int) -> None:
    old_database(db, version)
    held = columns(db)
    held["event"].remove("program_id")  # which a step may learn
    held.pop("host")  # which every start brings up to date
    before = contents(db, held)
    assert all(before.values())
    migrate(db)
    assert ask(db, "PRAGMA user_version") == [(NEWEST,)]
    assert contents(db, held) == before
    assert_sound(db)


@every_version
def test_what_a_step_adds_is_right_for_the_rows_that_were_there(db: Path, version: int) -> None:
    old_database(db, version)
    migrate(db)
    hour, day = 3600 * SECOND, 86400 * SECOND
    spans = f"""SELECT DISTINCT span, lasted >= {hour}, lasted >= {day} FROM
        (SELECT span, closed_at - opened_at AS lasted FROM listener WHERE closed_at IS NOT NULL)
        ORDER BY span"""
    assert ask(db, spans) == [(0, 0, 0), (1, 1, 0), (2, 1, 1)]
    assert_counts_agree(db)
    unnamed = "FROM event JOIN listener l ON l.id = listener_id WHERE event.program_id IS NULL"
    known = 0 if version < LEARNT else 75  # a database of a later version is not touched
    assert ask(db, f"SELECT count(l.program_id), count(*) > 0 {unnamed}") == [(known, 1)]
    own = [(12, 20_000_000, 4096)] if version >= 3 else [(None, None, None)]
    assert ask(db, "SELECT DISTINCT cpu, rss, size FROM tick") == own
    bound = ("lo", "machine", 1) if version >= 6 else (None, None, None)
    assert ask(db, "SELECT DISTINCT interface, interface_kind, v6only FROM listener") == [bound]


@every_version
def test_the_gaps_of_the_watches_that_were_there_are_summed(db: Path, version: int) -> None:
    old_database(db, version)
    with closing(sqlite3.connect(db)) as connection, connection:
        connection.executescript(
            f"""
            INSERT INTO watch (id, host_id, started_at, seen_at, stopped_at, source, limits,
                interval, sample_interval, pid, version, why)
            SELECT 1 + n.value, 1, {BEGUN} + n.value * 100 * {SECOND},
                {BEGUN} + n.value * 100 * {SECOND} + 60 * {SECOND}, NULL, 'portable', '[]', 1, 1, 7,
                '0.0.1', '' FROM json_each('[1, 2]') n;
            UPDATE tick SET gap = 5 * {SECOND}, watch_id = 2 WHERE id IN (11, 12);
            """
        )
    migrate(db)
    found = ask(db, "SELECT unwatched / 1000000 FROM watch ORDER BY id")
    # The first watch ends after a second, the second one begins after 100 and ends at 160.
    added = version < UNWATCHED
    assert found == ([(0,), (99 + 10,), (99 + 10 + 40,)] if added else [(7,), (0,), (0,)])


@every_version
def test_an_earlier_database_ends_with_the_schema_of_a_new_one(
    tmp_path: Path, version: int
) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    old_database(old, version)
    for db in (old, new):
        migrate(db)
    schema = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    assert ask(old, schema) == ask(new, schema)


@earlier_version
def test_each_step_is_one_transaction_with_its_number_in_it(db: Path, version: int) -> None:
    old_database(db, version)
    said: list[str] = []
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.set_trace_callback(said.append)
        migrations.migrate(connection)
    begins = ("BEGIN", "COMMIT", "PRAGMA user_version =")
    marks = [each.strip() for each in said if each.strip().startswith(begins)]
    expected = [
        ("BEGIN IMMEDIATE;", f"PRAGMA user_version = {number};", "COMMIT;")
        for number in range(version + 1, NEWEST + 1)
    ]
    assert marks == [mark for step in expected for mark in step]


def test_a_monitor_goes_on_with_the_oldest_database(db: Path) -> None:
    old_database(db, 1)
    done = run_service("--db", str(db), "--once", "--source", "portable")
    assert done.returncode == 0, done.stderr
    assert ask(db, "PRAGMA user_version") == [(NEWEST,)]
    assert ask(db, "SELECT count(*), max(stopped_at IS NOT NULL) FROM watch") == [(2, 1)]
    assert_sound(db)


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_migration_that_is_killed_anywhere_is_at_a_whole_version(tmp_path: Path) -> None:
    template, db = tmp_path / "template.db", tmp_path / "killed.db"
    old_database(template, 1, lives=8_000)
    rows = ask(template, "SELECT count(*) FROM event")
    longest = seconds_to_migrate(template, tmp_path / "timed.db")
    left_at: list[object] = []
    while len(left_at) < KILLS:
        for each in tmp_path.glob("killed.db*"):
            each.unlink()
        shutil.copyfile(template, db)
        if not killed_after(random.uniform(0, longest), db):
            longest *= 0.95
            continue
        left_at += [version for (version,) in ask(db, "PRAGMA user_version")]
        assert_sound(db)
        assert_only_whole_steps(db)
        migrate(db)
        assert ask(db, "PRAGMA user_version") == [(NEWEST,)]
        assert ask(db, "SELECT count(*) FROM event") == rows
        assert_counts_agree(db)
    assert {1} < set(left_at), "no kill fell between two steps"


def migrating(db: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.kit.migrating_process", str(db)],
        cwd=PROJECT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    return process


def seconds_to_migrate(template: Path, db: Path) -> float:
    shutil.copyfile(template, db)
    with migrating(db) as process:
        begun = time.monotonic()
        process.communicate(timeout=120)
        return time.monotonic() - begun


def killed_after(seconds: float, db: Path) -> bool:
    """Kill a migration so long after it began; returns whether it was still at work."""
    with migrating(db) as process:
        time.sleep(seconds)  # the moment is what the test varies
        process.kill()
        said, _ = process.communicate(timeout=120)
    return said == ""


def assert_only_whole_steps(db: Path) -> None:
    """The schema is exactly that of the version that the database says it has."""
    (version,) = ask(db, "PRAGMA user_version")[0]
    assert isinstance(version, int)
    with closing(sqlite3.connect(":memory:")) as fresh:
        for step in migrations.STEPS[:version]:
            fresh.executescript(step)
        schema = "SELECT name, sql FROM sqlite_master ORDER BY name"
        assert ask(db, schema) == fresh.execute(schema).fetchall()


def test_a_newer_database_is_refused_with_one_sentence_and_left_as_it_is(db: Path) -> None:
    migrate(db)
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA user_version = {NEWEST + 1}")
    before = db.read_bytes()
    refused = run_service("--db", str(db), "--once")
    sentence = f"The database has schema {NEWEST + 1}, and this program knows {NEWEST}."
    assert refused.returncode == 1
    assert refused.stderr.count(sentence) == len(refused.stderr.splitlines()) == 1
    with api_of(db) as client:
        for path in ("/api/ports", "/api/history", "/api/health"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert answer.json()["error"]["message"] == sentence
    assert db.read_bytes() == before


@earlier_version
def test_readers_never_migrate(db: Path, version: int) -> None:
    old_database(db, version)
    before = db.read_bytes()
    with api_of(db) as client:
        for path in ("/api/ports", "/api/history", "/api/history.csv", "/api/health"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert answer.json()["error"]["code"] == "older_schema"
    assert ask(db, "PRAGMA user_version") == [(version,)]
    assert db.read_bytes() == before


def api_of(db: Path) -> TestClient:
    return TestClient(Starlette(routes=[Mount("/api", create_api(Config(db=db)))]))
