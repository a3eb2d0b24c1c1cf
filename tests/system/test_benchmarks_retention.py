"""Retention is timed on a copy, step by step, until nothing is left to drop."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.retention import dropped
from benchmarks.seed import seed
from benchmarks.seeding.scale import DAY, Scale
from porteye_core.model import RetentionPolicy

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the loads are Linux processes")


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "kept.db"
    seed(path, Scale(days=9, listeners=40, events=4000, seed=3, sample_days=0.2))
    return path


def count(db: Path, what: str) -> int:
    with closing(sqlite3.connect(db)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {what}").fetchone()[0])


def test_every_step_is_timed_until_the_old_lives_are_gone(db: Path) -> None:
    with closing(sqlite3.connect(db)) as connection:
        (now,) = connection.execute("SELECT max(at) FROM event").fetchone()
    old = f"listener WHERE closed_at < {now - 5 * DAY - DAY // 12}"
    assert count(db, old) > 0
    found = dropped(db, RetentionPolicy(samples=DAY, events=5 * DAY), most=1000)
    assert len(found.steps) > 3
    assert found.ended
    assert count(db, old) == 0
    assert count(db, "listener") > 0


def test_a_limit_of_steps_ends_it_before(db: Path) -> None:
    found = dropped(db, RetentionPolicy(samples=DAY, events=5 * DAY), most=2)
    assert len(found.steps) <= 2
    assert not found.ended
    assert count(db, "event") > 3000


def test_a_smaller_size_gives_space_back(db: Path) -> None:
    size = db.stat().st_size
    found = dropped(db, RetentionPolicy(size=size * 3 // 4), most=1000)
    assert found.before == size
    assert found.after <= size * 3 // 4
