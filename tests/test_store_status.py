"""Whether somebody watches, and when nobody did."""

from pathlib import Path

from porteye_core.model import Tick
from porteye_core.store.reading import State, open_reader
from porteye_core.store.sqlite import open_writer
from porteye_core.store.writer import Writer
from tests.conftest import PLAN
from tests.kit.values import HOST, SECOND


def state(db: Path, now: int) -> State:
    with open_reader(db) as reader:
        return reader.status(now).state


def test_a_database_without_a_watch_was_never_watched(db: Path) -> None:
    with open_writer(db, HOST, 1):
        assert state(db, 2) is State.STARTING
    assert state(db, 2) is State.NEVER


def test_a_watch_is_current_while_its_beats_come(db: Path, writer: Writer, tick: Tick) -> None:
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


def test_a_monitor_that_has_not_looked_yet_is_starting(db: Path) -> None:
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
