"""What a damaged database does to those who read it, and how much of the damage is found.

SQLite keeps no checksums of its pages: what is only changed may pass every check.
"""

import sqlite3
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from starlette.testclient import TestClient

from porteye_core.api import create_api
from porteye_core.config import Config
from porteye_core.errors import StoreError
from porteye_core.model import Filters
from porteye_core.store.file.connection import open_connection
from porteye_core.store.file.migrations import PAGE_SIZE
from porteye_core.store.reading import Form, open_reader
from porteye_core.store.writing.startup import open_writer
from tests.kit.churn import churn
from tests.kit.damage import KINDS, Damage
from tests.kit.seeding import PLAN, Instant
from tests.kit.service import rows
from tests.kit.values import HOST, SECOND

_CASES, _STEPS = 30, 200
_BEGUN = 1_790_000_000  # seconds
_NOW = (_BEGUN + _STEPS) * SECOND


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database that a writer has closed."""
    db = tmp_path_factory.mktemp("whole") / "porteye.db"
    with open_writer(db, HOST, _BEGUN * SECOND) as writer:
        writer.begin_watch(_BEGUN * SECOND, PLAN)
        churn(writer, range(_BEGUN, _BEGUN + _STEPS), lambda _: None)
        writer.end_watch(_NOW)
    assert found(db, "quick_check") == found(db, "integrity_check") == ""
    assert read_everything(db) > 500
    return db.read_bytes()


def found(db: Path, check: str) -> str:
    connection = sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)
    try:
        answer = connection.execute(f"PRAGMA {check}").fetchone()
    except (sqlite3.DatabaseError, UnicodeDecodeError) as err:
        return str(err)
    finally:
        connection.close()
    return "" if answer == ("ok",) else str(answer)


def read_everything(db: Path) -> int:
    """What the pages, the API and the exports ask for; how many answers there were."""
    with open_reader(db) as reader:
        reader.status(_NOW)
        answers = len(reader.coverage(0, _NOW, watching=False).gaps)
        answers += len(reader.open_now(Filters(), _NOW, 0))
        answers += len(reader.event_records(Filters(process="nginx")))
        answers += sum(1 for _ in reader.export_history(Form.CSV, Filters()))
        answers += sum(1 for _ in reader.export_history(Form.JSON, Filters()))
        for life in reader.choices(100):
            answers += len(reader.holders(life.id))
            answers += len(reader.before_and_after(life))
            answers += len(reader.port_lives(life, 0, _NOW, 100).lives)
            answers += len(reader.siblings(life))
        return answers


def is_told(db: Path) -> bool:
    """Whether a reader is told that the database cannot be read; else it has its answers."""
    try:
        read_everything(db)
    except StoreError:
        return True
    return False


@pytest.mark.parametrize("kind", KINDS, ids=lambda each: each.__name__)
def test_a_reader_of_a_damaged_database_is_told_or_answered_and_never_breaks(
    kind: Damage, whole: bytes, db: Path
) -> None:
    chance, count = Random(kind.__name__), Counter[str]()
    for _ in range(_CASES):
        damaged = bytearray(whole)
        kind(damaged, chance, PAGE_SIZE)
        db.write_bytes(damaged)
        count["a reader is told"] += is_told(db)
        for check in ("quick_check", "integrity_check"):
            count[f"{check} finds it"] += bool(found(db, check))
    print(f"\n{kind.__name__}, {_CASES} times: {dict(count)}")


def put_a_text_where_a_time_must_be(db: Path) -> None:
    """As a damaged page may have it; a table that is strict does not take it."""
    (strict,) = rows(db, "SELECT sql FROM sqlite_master WHERE name = 'event'")[0]
    assert isinstance(strict, str)
    schema = "UPDATE sqlite_master SET sql = ? WHERE name = 'event'"
    for statement, parameters in (
        (schema, (strict.replace("STRICT", ""),)),
        ("UPDATE event SET at = 'x' WHERE id = 1", ()),
        (schema, (strict,)),
    ):
        connection = sqlite3.connect(db)  # a new one reads the schema anew
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(statement, parameters)
        connection.commit()
        connection.close()


def test_a_value_of_another_type_is_told_as_damage(abandoned: Instant) -> None:
    put_a_text_where_a_time_must_be(abandoned.db)
    with pytest.raises(StoreError, match=r"event\.at"), open_reader(abandoned.db) as reader:
        list(reader.export_history(Form.JSON, Filters()))
    client = TestClient(create_api(Config(db=abandoned.db)), raise_server_exceptions=False)
    answer = client.get("/history", headers={"Host": "localhost"})
    assert answer.status_code == 503
    assert "event.at" in answer.json()["error"]["message"]


def test_a_schema_that_is_no_text_is_told_as_damage(abandoned: Instant) -> None:
    whole = abandoned.db.read_bytes()
    assert b"CREATE TABLE event" in whole
    abandoned.db.write_bytes(whole.replace(b"CREATE TABLE event", b"CREATE TA\xceLE event"))
    with pytest.raises(StoreError), open_reader(abandoned.db) as reader:
        reader.status(abandoned.now)


def test_a_mistake_of_the_reader_is_not_blamed_on_the_database(abandoned: Instant) -> None:
    with pytest.raises(ValueError, match="invalid literal"), open_connection(abandoned.db):
        int("x")
