"""A seeded database is one that the monitor could have left."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from benchmarks import __main__ as command
from benchmarks.seed import seed
from benchmarks.seeding.scale import DAY, Scale
from porteye_core.model import Filters
from porteye_core.store.file import migrations
from porteye_core.store.reading import open_reader
from porteye_core.store.reading.coverage import Watches

NOW = 1_700_000_000_000_000
SMALL = Scale(days=9, listeners=40, events=4001, seed=3, sample_days=0.2)


@pytest.fixture(scope="module")
def seeded_db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("seed") / "seeded.db"
    seed(db, SMALL, NOW)
    return db


@pytest.fixture
def connection(seeded_db: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"{seeded_db.as_uri()}?mode=ro", uri=True)) as opened:
        yield opened


def ask(connection: sqlite3.Connection, statement: str) -> list[tuple[Any, ...]]:
    return connection.execute(statement).fetchall()


def test_it_is_whole_and_of_the_size_that_was_asked_for(connection: sqlite3.Connection) -> None:
    assert ask(connection, "PRAGMA integrity_check") == [("ok",)]
    assert ask(connection, "PRAGMA foreign_key_check") == []
    assert ask(connection, "PRAGMA auto_vacuum") == [(2,)]
    assert ask(connection, "PRAGMA page_size") == [(migrations.PAGE_SIZE,)]
    assert ask(connection, "SELECT count(*) FROM event") == [(4000,)]
    assert ask(connection, "SELECT count(*) FROM listener WHERE closed_at IS NULL") == [(40,)]


def test_each_life_has_its_events_in_the_order_of_time(connection: sqlite3.Connection) -> None:
    lives = "SELECT id, 'opened', opened_at, opened_seen, port FROM listener UNION ALL SELECT id,"
    lives += " 'closed', closed_at, closed_seen, port FROM listener WHERE closed_at IS NOT NULL"
    noted = "SELECT listener_id, kind, at, seen, port FROM event"
    assert ask(connection, f"{lives} EXCEPT {noted}") == []
    assert ask(connection, f"{noted} EXCEPT SELECT * FROM ({lives})") == []
    order = "SELECT id FROM event ORDER BY at, id"
    assert ask(connection, order) == ask(connection, "SELECT id FROM event ORDER BY id")


def test_nothing_opened_or_closed_while_nobody_watched(connection: sqlite3.Connection) -> None:
    between = Watches(connection, watching=False).coverage(NOW - 9 * DAY, NOW).gaps
    assert len(between) == 2
    for begin, end in between:
        within = "SELECT count(*) FROM event WHERE at > ? AND at < ?"
        assert connection.execute(within, (begin, end)).fetchone()[0] == 0


def test_the_writers_counts_agree_with_the_events(connection: sqlite3.Connection) -> None:
    for table, columns in (("turnover", ""), ("activity", ", port")):
        for (resolution,) in ask(connection, f"SELECT DISTINCT resolution FROM {table}"):
            length = resolution * 1_000_000
            counted = (
                f"SELECT at - at % {length} AS bucket{columns}, sum(kind = 'opened'),"
                f" sum(kind = 'closed') FROM event GROUP BY bucket{columns}"
            )
            kept = (
                f"SELECT bucket{columns}, sum(opened), sum(closed) FROM {table}"
                f" WHERE resolution = {resolution} GROUP BY bucket{columns}"
            )
            assert sorted(ask(connection, counted)) == sorted(ask(connection, kept))


def test_every_kind_of_listener_owner_and_time_occurs(connection: sqlite3.Connection) -> None:
    for column, kinds in (
        ("protocol", {"tcp", "udp"}),
        ("family", {"ipv4", "ipv6"}),
        ("hidden", {None, "privilege", "gone", "kernel"}),
        ("opened_seen", {"kernel", "poll", "gap"}),
        ("closed_seen", {None, "kernel", "gap"}),
        ("span", {0, 1, 2}),
    ):
        assert {kind for (kind,) in ask(connection, f"SELECT DISTINCT {column} FROM listener")} >= (
            kinds
        )
    assert len(ask(connection, "SELECT DISTINCT netns FROM listener")) > 3
    assert ask(connection, "SELECT 1 FROM process WHERE container != '' LIMIT 1")
    several = "SELECT 1 FROM holder GROUP BY listener_id HAVING count(*) > 1 LIMIT 1"
    assert ask(connection, several)


def test_a_process_began_before_it_opened_anything(connection: sqlite3.Connection) -> None:
    late = "SELECT count(*) FROM listener l JOIN process p ON p.id = l.process_id"
    assert ask(connection, f"{late} WHERE p.started_at > l.opened_at") == [(0,)]


def test_the_page_reads_it(seeded_db: Path) -> None:
    with open_reader(seeded_db) as reader:
        table = reader.open_now(Filters(), NOW)
        assert len(table) == 40
        assert table["rss"].notna().all()
        assert len(reader.events(Filters(limit=50))) == 50
        older = reader.events(Filters(limit=50), before=100)
        assert list(older["id"]) == list(range(99, 49, -1))


def test_the_same_seed_makes_the_same_history(tmp_path: Path, seeded_db: Path) -> None:
    again, other = tmp_path / "again.db", tmp_path / "other.db"
    seed(again, SMALL, NOW)
    seed(other, Scale(days=9, listeners=40, events=4001, seed=4, sample_days=0.2), NOW)
    dumps = []
    for db in (seeded_db, again, other):
        with closing(sqlite3.connect(db)) as connection:
            connection.execute("DELETE FROM origin")  # a random name for each database
            dumps.append(list(connection.iterdump()))
    assert dumps[0] == dumps[1]
    assert dumps[0] != dumps[2]


def test_a_watch_may_go_on(tmp_path: Path) -> None:
    db = tmp_path / "on.db"
    seed(db, Scale(days=1, listeners=3, events=100, sample_days=0.01, watching=True), NOW)
    with closing(sqlite3.connect(db)) as connection:
        last = ask(connection, "SELECT seen_at, stopped_at FROM watch ORDER BY id DESC LIMIT 1")
    assert last == [(NOW, None)]


def test_the_command_makes_it_and_never_overwrites(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db = tmp_path / "made.db"
    flags = ["--db", str(db), "--days", "2", "--listeners", "5", "--events", "301"]
    assert command.main(["seed", *flags, "--sample-days", "0.01"]) == 0
    assert "| event " in capsys.readouterr().out
    with pytest.raises(FileExistsError, match="exists already"):
        seed(db, Scale(), NOW)
