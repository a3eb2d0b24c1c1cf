"""State of the monitor, and the gaps of its watches."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from porteye_core.model import Tick
from porteye_core.store.reading import State, open_reader
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Writer
from tests.conftest import PLAN
from tests.kit.values import HOST, SECOND


def state(db: Path, now: int) -> State:
    with open_reader(db) as reader:
        return reader.status(now).state


def test_a_database_without_a_watch_was_never_watched(db: Path) -> None:
    with open_writer(db, HOST, 1):
        assert state(db, 2) is State.STARTING
    assert state(db, 2) is State.NEVER


def test_a_watch_is_current_while_its_ticks_come(db: Path, writer: Writer, tick: Tick) -> None:
    assert state(db, 2 * SECOND) is State.WATCHING
    assert state(db, 60 * SECOND) is State.STALLED
    writer.record_tick(tick, [])
    assert state(db, 31 * SECOND) is State.WATCHING


def test_a_watch_whose_monitor_has_gone_is_stopped(db: Path) -> None:
    with open_writer(db, HOST, 1) as writer:
        writer.begin_watch(SECOND, PLAN)
    assert state(db, 2 * SECOND) is State.STOPPED


def test_when_it_was_last_watched_is_told_once_nobody_watches(db: Path) -> None:
    with open_writer(db, HOST, 1) as writer:
        with open_reader(db) as reader:
            assert reader.status(SECOND).last_watched is None
        writer.begin_watch(SECOND, PLAN)
        with open_reader(db) as reader:
            assert reader.status(2 * SECOND).last_watched is None
        writer.end_watch(3 * SECOND)
    with open_reader(db) as reader:
        found = reader.status(9 * SECOND)
    assert found.watch
    assert found.last_watched == found.watch.seen_at


def test_a_monitor_that_has_not_scanned_yet_is_starting(db: Path) -> None:
    with open_writer(db, HOST, 1) as writer:
        writer.begin_watch(SECOND, PLAN)
        writer.end_watch(2 * SECOND)
    with open_writer(db, HOST, 5 * SECOND):
        assert state(db, 6 * SECOND) is State.STARTING


def test_what_lies_between_watches_is_a_gap(db: Path) -> None:
    for start, end in ((10, 20), (30, 40)):
        with open_writer(db, HOST, start) as writer:
            writer.begin_watch(start, PLAN)
            writer.end_watch(end)
    with open_reader(db) as reader:
        assert list(reader.coverage(0, 100, watching=False).gaps) == [(0, 10), (20, 30), (40, 100)]
        assert list(reader.coverage(15, 35, watching=False).gaps) == [(20, 30)]
        assert list(reader.coverage(12, 18, watching=False).gaps) == []
        assert list(reader.coverage(0, 100, watching=True).gaps) == [(0, 10), (20, 30)]


def test_a_gap_within_a_watch_is_one_too(db: Path, writer: Writer) -> None:
    late = Tick(60 * SECOND, 1, listeners=0, clients=0, scan_us=1, hidden=0, gap=20 * SECOND)
    writer.record_tick(late, [])
    with open_reader(db) as reader:
        assert list(reader.coverage(2 * SECOND, 60 * SECOND, watching=True).gaps) == [
            (40 * SECOND, 60 * SECOND)
        ]


@pytest.mark.parametrize(
    ("left_out", "longest", "text"),
    [
        (1, 400_000, "1 network namespace was not scanned at the latest sample"),
        (1, 400_000, "The longest wait is 1 s."),
        (1200, 3_661_000_000, "1,200 network namespaces were not scanned at the latest sample"),
        (1200, 3_661_000_000, "The longest wait is 3,661 s."),
    ],
)
def test_namespaces_that_were_left_out_are_a_limit_that_says_for_how_long(
    db: Path, writer: Writer, tick: Tick, left_out: int, longest: int, text: str
) -> None:
    def limitations() -> dict[str, str]:
        with open_reader(db) as reader:
            watch = reader.status(3 * SECOND).watch
        assert watch
        return {each.name: each.text for each in watch.plan.limitations}

    writer.record_tick(replace(tick, left_out=left_out, left_out_us=longest), [])
    assert text in limitations()["left_out"]
    writer.record_tick(tick, [])
    assert "left_out" not in limitations()


def test_a_tick_of_an_earlier_version_says_how_many_were_left_out_alone(
    db: Path, writer: Writer, tick: Tick
) -> None:
    writer.record_tick(replace(tick, left_out=3), [])
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("UPDATE tick SET left_out_us = NULL")
    with open_reader(db) as reader:
        watch = reader.status(3 * SECOND).watch
    assert watch
    (limit,) = (each for each in watch.plan.limitations if each.name == "left_out")
    assert limit.text.startswith("3 network namespaces were")
    assert "wait" not in limit.text
