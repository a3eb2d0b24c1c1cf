"""Simulated days are the same for every store, are written whole, and are measured by the day."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.growing.days import BEGAN, Machine, SamplingTick
from benchmarks.growing.stores import porteye, row_per_tick
from benchmarks.growth import Day, grown, replay
from benchmarks.seeding.scale import DAY, MINUTE
from benchmarks.seeding.usage import BEAT
from porteye_core.model import KEEP_FOREVER, RetentionPolicy
from tests.kit.service import PROJECT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc says what was written")

_HOUR = 1 / 24  # days
_TICKS = 360


def machine() -> Machine:
    return Machine(listeners=30, events=24 * 40, seed=5)


def ticks(days: float = _HOUR) -> Iterator[SamplingTick]:
    return machine().ticks(days)


def number(db: Path, statement: str) -> int:
    with closing(sqlite3.connect(f"{db.as_uri()}?mode=ro", uri=True)) as connection:
        return int(connection.execute(statement).fetchone()[0])


def test_the_same_seed_makes_the_same_days() -> None:
    assert [(b.at, b.changes, dict(b.uses)) for b in ticks()] == [
        (b.at, b.changes, dict(b.uses)) for b in ticks()
    ]


def test_listeners_stand_and_others_come_and_go_in_order() -> None:
    here: set[int] = set()
    noted = []
    for tick in ticks(0.5):
        for change in tick.changes:
            (here.remove if change.owned is None else here.add)(change.number)
            noted.append(change.at)
        assert set(tick.uses) == here
        assert all(at <= tick.at for at in noted[-len(tick.changes) :])
    assert noted == sorted(noted)
    assert set(range(1, 31)) <= here
    assert len(noted) - 30 == pytest.approx(480, rel=0.2)


def test_some_listeners_never_move_and_others_most_of_the_time() -> None:
    seen: dict[int, list[object]] = {}
    for tick in Machine(100, 10, seed=1).ticks(_HOUR / 2):
        for each, use in tick.uses.items():
            seen.setdefault(each, []).append(use)
    moved = sorted(len(set(uses)) / len(uses) for uses in seen.values())
    assert sum(share < 0.01 for share in moved) == pytest.approx(65, abs=15)
    assert moved[-3] > 0.5


def test_porteye_stores_every_tick_and_change_and_only_samples_that_moved(tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    changes = listeners = 0
    with porteye(db, KEEP_FOREVER) as store:
        for tick in ticks():
            store.take(tick)
            changes += len(tick.changes)
            listeners += len(tick.uses)
    assert number(db, "SELECT count(*) FROM tick") == _TICKS
    assert number(db, "SELECT count(*) FROM event") == changes
    assert number(db, "SELECT count(*) FROM listener WHERE closed_at IS NULL") == len(tick.uses)
    assert number(db, "SELECT sum(beats) FROM rollup WHERE resolution = 300") == listeners
    assert 0 < number(db, "SELECT count(*) FROM sample") < listeners / 2
    with closing(sqlite3.connect(db)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_what_is_older_than_wanted_goes_between_the_beats(tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    with porteye(db, RetentionPolicy(samples=20 * MINUTE)) as store:
        for tick in ticks(2.1 * _HOUR):
            store.take(tick)
    assert number(db, "SELECT min(at) FROM tick") >= BEGAN + 30 * MINUTE
    assert number(db, "SELECT max(at) FROM tick") == tick.at


def test_the_peer_stores_a_row_for_each_listener_at_each_beat(tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    listeners = 0
    with row_per_tick(db) as store:
        for tick in ticks():
            store.take(tick)
            listeners += len(tick.uses)
    assert number(db, "SELECT count(*) FROM snapshot") == listeners
    assert number(db, "SELECT count(DISTINCT at) FROM snapshot") == _TICKS


class Appending:
    """A store that writes eight kilobytes a tick, and reads as one of two pages."""

    def __init__(self, db: Path) -> None:
        with closing(sqlite3.connect(db)) as connection:
            connection.execute("CREATE TABLE one (id)")
        self._log = db.with_name("log").open("ab", buffering=0)

    def take(self, tick: SamplingTick) -> None:
        self._log.write(bytes(8192))
        os.fsync(self._log.fileno())

    def close(self) -> None:
        self._log.close()


def test_bytes_are_counted_by_the_day(tmp_path: Path) -> None:
    db = tmp_path / "x.db"
    with closing(Appending(db)) as store:
        days = list(replay(store, db, Machine(1, 1, seed=1), 20 * BEAT / DAY))
    (day,) = days
    assert day.length == 20 * BEAT / DAY
    assert day.size == 8192
    if day.written == 0:
        pytest.skip("the folder for temporary files is not on a disk")
    assert 20 * 8192 <= day.written < 40 * 8192


def test_a_day_of_which_there_is_a_part_counts_as_a_day() -> None:
    days = [Day(1, 10_000_000, 0), Day(1, 30_000_000, 0), Day(0.5, 35_000_000, 0)]
    assert grown(days) == [10, 20, 10]


def test_a_short_growth_runs_to_its_end_beside_the_peer(tmp_path: Path) -> None:
    sizes = ("--days=0.01", "--peer-hours=0.1", "--listeners=20", f"--folder={tmp_path}")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "growth", "--json", *sizes],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (ours, _, _, written, once), (peer, _, _, more, times) = found["tables"][0]["rows"][:2]
    assert (ours, peer) == ("PortEye", "a row of text per tick")
    assert once == 1 or not written
    assert times > 1 or not more
    assert not list(tmp_path.iterdir())
