"""Simulated days go through the monitor's own writer, and every byte of it is counted."""

import sqlite3
import sys
from argparse import Namespace
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import growth
from benchmarks.growing import days, replay_process
from benchmarks.growth import Grown

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="bytes are read from /proc")

LENGTH = 0.02  # 172 beats


def numbers(db: Path, statement: str) -> tuple[int, ...]:
    with closing(sqlite3.connect(db)) as connection:
        found: tuple[int, ...] = connection.execute(statement).fetchone()
        return found


def test_the_mix_is_as_it_is_stated() -> None:
    assert Counter(use.changes for use in days.uses(200)) == {0.0: 130, 0.1: 50, 0.6: 20}
    assert len(days.uses(7)) == 7


def test_a_replay_leaves_what_a_monitor_would_have(tmp_path: Path) -> None:
    db = tmp_path / "grown.db"
    replay_process.by_porteye(db, LENGTH, listeners=20, events=2000)
    counts = (
        "SELECT (SELECT count(*) FROM tick), (SELECT count(*) FROM event),"
        " (SELECT count(*) FROM listener WHERE closed_at IS NULL),"
        " (SELECT sum(beats) FROM rollup WHERE resolution = 300)"
    )
    # An event for each of those that stay, and 40 of the 2,000 of a day.
    assert numbers(db, counts) == (172, 20 + 2 * 19, 20, 172 * 20)
    ((samples,),) = [numbers(db, "SELECT count(*) FROM sample")]
    assert 20 * 4 < samples < 172 * 20 / 2  # kept alive, and not one for each beat


def test_the_plain_form_has_a_row_for_each_listener_and_tick(tmp_path: Path) -> None:
    db = tmp_path / "rows.db"
    replay_process.by_rows(db, LENGTH, listeners=20, events=2000)
    assert numbers(db, "SELECT count(*) FROM port") == (172 * 20 + 19,)


def test_a_replay_says_what_it_wrote_and_how_large_it_is(tmp_path: Path) -> None:
    options = Namespace(listeners=20, events=2000, folder=tmp_path)
    found = growth.grown("porteye", LENGTH, options)
    assert found.days == LENGTH
    assert found.size > 50_000
    if found.written:  # nothing where the folder is in memory
        assert found.written > found.size
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("written", "met"), [(10**9, True), (10**9 + 1, False), (0, False)], ids=str
)
def test_only_bytes_that_were_counted_meet_the_budget(written: int, *, met: bool) -> None:
    assert growth._written(Grown(2, 1, written, 1)).met is met
