"""A reader reads, and nothing else, and not for ever."""

import sqlite3
from functools import partial
from pathlib import Path

import pytest

from porteye_core.errors import StoreError, StoreSlow
from porteye_core.model import Filters
from porteye_core.store.file import authorizer
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading import Form, Reader, open_reader
from porteye_core.store.reading.status import status
from tests.kit.seeding import ENDLESS, Instant, grow

NOT_READING = [
    "ATTACH '{other}' AS other",
    "DETACH main",
    "VACUUM INTO '{other}'",
    "INSERT INTO host (name) VALUES ('x')",
    "UPDATE event SET at = 0",
    "DELETE FROM event",
    "DROP TABLE event",
    "CREATE TABLE x (y)",
    "CREATE TEMP TABLE x (y)",
    "CREATE VIRTUAL TABLE temp.x USING fts5(y)",
    "ALTER TABLE event ADD COLUMN x",
    "REINDEX",
    "ANALYZE",
    "PRAGMA query_only = OFF",
    "PRAGMA writable_schema = ON",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA user_version = 9",
    "PRAGMA wal_checkpoint",
    "PRAGMA incremental_vacuum",
    "PRAGMA temp_store_directory = '/tmp'",
    "SELECT load_extension('x')",
    "SAVEPOINT x",
    "UPDATE sqlite_master SET sql = ''",
]
READING = [
    "SELECT count(*), max(at), group_concat(kind), json_array(1) FROM event",
    "SELECT row_number() OVER (ORDER BY at), lower(kind), kind LIKE 'O%' FROM event",
    "SELECT name FROM sqlite_master",
    "SELECT value FROM json_each('[1, 2]')",
    "EXPLAIN QUERY PLAN SELECT * FROM event",
    "PRAGMA user_version",
    "PRAGMA page_count",
    "PRAGMA table_info(event)",
    "PRAGMA integrity_check",
]


@pytest.mark.parametrize("statement", NOT_READING)
def test_nothing_but_reading_is_authorized(seeded: Instant, tmp_path: Path, statement: str) -> None:
    other = tmp_path / "other.db"
    with pytest.raises(StoreError), open_connection(seeded.db) as reader:
        reader.execute(statement.format(other=other))
    assert not other.exists()


@pytest.mark.parametrize("statement", READING)
def test_every_way_of_reading_is(seeded: Instant, statement: str) -> None:
    with open_connection(seeded.db) as reader:
        assert reader.execute(statement).fetchall()


def test_a_question_that_takes_too_long_is_given_up_with_a_sentence(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authorizer, "MAX_QUERY_TIME", 0.1)
    with pytest.raises(StoreSlow) as given_up, open_connection(seeded.db) as reader:
        reader.execute(f"SELECT max(x) FROM ({ENDLESS})").fetchall()
    assert "was given up" in given_up.value.message
    assert "Narrow it" in given_up.value.hint


def test_the_time_is_that_of_one_statement_and_begins_with_it(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_connection(seeded.db) as reader:
        monkeypatch.setattr(authorizer, "MAX_QUERY_TIME", -1.0)
        with pytest.raises(sqlite3.OperationalError, match="interrupted"):
            reader.execute(f"{ENDLESS} LIMIT 1000000").fetchall()
        monkeypatch.setattr(authorizer, "MAX_QUERY_TIME", 600.0)
        assert len(reader.execute(f"{ENDLESS} LIMIT 1000000").fetchall()) == 1_000_000


def test_an_export_has_its_time_anew_for_every_piece(
    seeded: Instant, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(seeded.db, 2_000)
    with open_connection(seeded.db) as connection:
        pieces = Reader(connection, partial(status, connection, seeded.db)).export_history(
            Form.CSV, Filters()
        )
        next(pieces)
        assert isinstance(connection, authorizer.GuardedConnection)
        connection._until = 0  # the client was slow to take the first piece
        assert sum(piece.count("\n") for piece in pieces) > 10_000
    monkeypatch.setattr(authorizer, "MAX_QUERY_TIME", -1.0)
    with pytest.raises(StoreSlow), open_reader(seeded.db) as reader:
        list(reader.export_history(Form.CSV, Filters()))


def test_a_megabyte_of_text_or_a_nul_in_a_question_is_only_text(seeded: Instant) -> None:
    for text in ("x" * 40_000, "'; DROP TABLE event; --", '"', "%", "_", "\\", "é\u202e"):
        with open_reader(seeded.db) as reader:
            assert reader.event_records(Filters(process=text)) == []
