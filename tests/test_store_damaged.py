"""What a damaged database does to those who read it, and how much of the damage is found.

SQLite keeps no checksums of its pages: what is only changed may pass every check.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from porteye_core.errors import StoreError
from porteye_core.model import Filters
from porteye_core.store import queries, search, story
from porteye_core.store.export import history_csv, history_json
from porteye_core.store.reader import open_reader
from porteye_core.store.sqlite import open_writer
from porteye_core.store.status import gaps, status
from tests.kit.churn import churn
from tests.kit.seeding import PLAN
from tests.kit.values import HOST, SECOND

_CASES, _STEPS, _SECTOR, _HEADER = 50, 400, 512, 100
_NOW = _STEPS * SECOND
Damage = Callable[[bytearray, Random], None]


def truncated(whole: bytearray, chance: Random) -> None:
    del whole[chance.randrange(1, len(whole)) :]


def sector_overwritten(whole: bytearray, chance: Random) -> None:
    at = chance.randrange(len(whole) // _SECTOR) * _SECTOR
    whole[at : at + _SECTOR] = chance.randbytes(_SECTOR)


def header_changed(whole: bytearray, chance: Random) -> None:
    """Four bytes of the header are others."""
    for at in chance.sample(range(_HEADER), 4):
        whole[at] ^= chance.randrange(1, 256)


def bit_flipped(whole: bytearray, chance: Random) -> None:
    whole[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)


KINDS: list[Damage] = [truncated, sector_overwritten, header_changed, bit_flipped]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database that a writer has closed."""
    db = tmp_path_factory.mktemp("whole") / "porteye.db"
    with open_writer(db, HOST, 1) as writer:
        writer.begin_watch(1, PLAN)
        churn(writer, range(1, _STEPS), lambda _: None)
        writer.end_watch(_NOW)
    assert found(db, "quick_check") == found(db, "integrity_check") == ""
    assert read_everything(db) > 1_000
    return db.read_bytes()


def found(db: Path, check: str) -> str:
    connection = sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)
    try:
        answer = connection.execute(f"PRAGMA {check}").fetchone()
    except sqlite3.DatabaseError as err:
        return str(err)
    finally:
        connection.close()
    return "" if answer == ("ok",) else str(answer)


def read_everything(db: Path) -> int:
    """What the pages, the API and the exports ask for; how many answers there were."""
    with open_reader(db) as reader:
        status(reader, db, _NOW)
        answers = len(gaps(reader, 0, _NOW, watching=False))
        answers += len(list(queries.rows(reader, queries.listening(Filters(), _NOW, 0))))
        answers += len(search.newest(reader, Filters(process="nginx")))
        answers += sum(1 for _ in history_csv(reader, Filters()))
        answers += sum(1 for _ in history_json(reader, Filters()))
        for life in story.candidates(reader, 100):
            answers += len(story.holders(reader, life.id))
            answers += len(story.earlier(reader, life, 10))
            answers += len(story.siblings(reader, life))
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
        kind(damaged, chance)
        db.write_bytes(damaged)
        count["a reader is told"] += is_told(db)
        for check in ("quick_check", "integrity_check"):
            count[f"{check} finds it"] += bool(found(db, check))
    print(f"\n{kind.__name__}, {_CASES} times: {dict(count)}")
