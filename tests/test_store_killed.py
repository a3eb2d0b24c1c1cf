"""The writer is killed at any moment, and nothing that it has committed is lost."""

import multiprocessing
import random
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from porteye_core.store import lock
from porteye_core.store.reader import open_reader
from porteye_core.store.sqlite import open_writer
from tests.kit.service import monitor, rows
from tests.kit.storm import BEAT, contradictions, read_on, storm
from tests.kit.values import HOST, SECOND

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
_ROUNDS = 200
_Told = tuple[str, int, int]

if sys.platform != "win32":
    # Each child is a fork of a process that has imported everything: a kill costs no start.
    FORKS = multiprocessing.get_context("forkserver")
    FORKS.set_forkserver_preload(["tests.kit.storm"])


@contextmanager
def readers(db: Path, number: int) -> Iterator[None]:
    """So many processes that read all the time; at the end none of them has failed."""
    ends = []
    for _ in range(number):
        here, there = FORKS.Pipe()
        process = FORKS.Process(target=read_on, args=(db, there))
        process.start()
        there.close()
        ends.append((here, process))
    try:
        yield
    finally:
        for here, _ in ends:
            here.send("enough")
        answers = [here.recv() for here, _ in ends]
        for _, process in ends:
            process.join()
    assert all(isinstance(answer, int) and answer > 0 for answer in answers), answers


def kill_one(db: Path, start: int, dice: random.Random) -> list[_Told]:
    """What a writer told before it was killed, at a moment that the dice choose."""
    here, there = FORKS.Pipe(duplex=False)
    process = FORKS.Process(target=storm, args=(db, start, there))
    process.start()
    there.close()
    told: list[_Told] = []
    try:
        told += [here.recv() for _ in range(dice.randrange(1, 12))]
        process.join(dice.random() * 0.01)
    finally:
        process.kill()
        process.join()
    return told + rest(here)


def rest(here: Connection) -> list[_Told]:
    """What was told before the end and not read yet."""
    told = []
    try:
        while True:
            told.append(here.recv())
    except (EOFError, OSError):
        return told


def missing(reader: sqlite3.Connection, told: list[_Told]) -> list[_Told]:
    """What was told as committed and is not there as it was told."""
    return [
        (table, at, number)
        for table, at, number in told
        if reader.execute(f"SELECT count(*) FROM {table} WHERE at = ?", (at,)).fetchone()[0]
        != number
    ]


def damage(db: Path) -> list[str]:
    """What the full check of the database finds."""
    with open_reader(db) as reader:
        found = [row[0] for row in reader.execute("PRAGMA integrity_check") if row[0] != "ok"]
        return found + [str(tuple(row)) for row in reader.execute("PRAGMA foreign_key_check")]


@pytest.mark.long
def test_two_hundred_kills_lose_nothing_and_readers_never_notice(db: Path) -> None:
    dice = random.Random(200)
    with open_writer(db, HOST, 1):
        pass
    start, told_events = SECOND, []
    with readers(db, 2):
        for _ in range(_ROUNDS):
            told = kill_one(db, start, dice)
            assert lock.holder(db) is None
            assert not damage(db)
            with open_reader(db) as reader:
                assert not missing(reader, told)
                assert not contradictions(reader)
            told_events += [each for each in told if each[0] == "event"]
            start = told[-1][1] + 5 * BEAT
    with open_reader(db) as reader:
        assert len(told_events) > _ROUNDS / 2
        assert not missing(reader, told_events)


def test_a_killed_monitor_leaves_a_database_that_the_next_one_goes_on_with(db: Path) -> None:
    for round_ in range(1, 3):
        with monitor(db, "--source", "portable", "--sample-interval", "1") as process:
            process.kill()
            process.wait()
            assert lock.holder(db) is None
            assert not damage(db)
            assert len(rows(db, "SELECT id FROM watch WHERE stopped_at IS NULL")) == round_
