"""Totals of all that was ever recorded."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from porteye_core.model import Kind, Listener, Precision, RetentionPolicy, Tick
from porteye_core.store.reading import open_row_reader
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.seeding import PLAN
from tests.kit.service import rows
from tests.kit.stored import database_of
from tests.kit.values import HOST, SECOND, endpoint, owned, process

HOUR = 3600 * SECOND
START = 20_000 * 24 * HOUR


def events_ever(db: Path) -> tuple[int, int]:
    with open_row_reader(db) as reader:
        found = reader.events_ever()
    return found[Kind.OPENED], found[Kind.CLOSED]


class Rounds:
    """Rounds of retention, of which each step is one turn."""

    def __init__(self, writer: Writer) -> None:
        self._writer, self._elapsed = writer, 0
        writer.purge_step(0, 0)  # which puts the first round off

    def whole(self, now: int) -> Iterator[None]:
        """A round, step by step."""
        self._elapsed += 2 * HOUR
        self._writer.purge_step(now, self._elapsed)
        yield
        while database_of(self._writer)._retention._round is not None:
            self._elapsed += 2 * SECOND
            self._writer.purge_step(now, self._elapsed)
            yield


def unwatched(db: Path, now: int, *, watching: bool = True) -> int | None:
    with open_row_reader(db) as reader:
        return reader.unwatched(now, watching=watching)


@pytest.mark.parametrize("seed", range(3))
def test_events_are_counted_by_kind_whatever_retention_drops(db: Path, seed: int) -> None:
    chance = random.Random(seed)
    alive = list[Listener]()
    opened = closed = 0
    now = START
    with open_writer(db, HOST, START, RetentionPolicy(samples=HOUR, events=2 * HOUR)) as writer:
        rounds = Rounds(writer)
        writer.begin_watch(START, PLAN)
        assert events_ever(db) == (0, 0)
        for _ in range(60):
            now += round(10 ** chance.uniform(1, 3.8)) * SECOND
            gone = [alive.pop(0) for _ in range(chance.randrange(len(alive) + 1))]
            born = [
                Opening(owned(endpoint(chance.randrange(1, 99)), process(pid)), now, Precision.POLL)
                for pid in range(1, chance.randrange(5))
            ]
            brief = Opening(owned(), now, Precision.KERNEL, (now + 5, Precision.KERNEL))
            new = writer.record_changes(
                now, [*born, brief], [Closing(each, now, Precision.POLL) for each in gone]
            )
            alive += new[: len(born)]
            opened, closed = opened + len(born) + 1, closed + len(gone) + 1
            writer.record_tick(Tick(now, now, len(alive), 0, 900, 0), [])
            assert events_ever(db) == (opened, closed)
            for _ in rounds.whole(now):
                assert events_ever(db) == (opened, closed)
        # Even the event with the highest id of all is gone in the end.
        writer.record_changes(now, closed=[Closing(each, now, Precision.POLL) for each in alive])
        closed += len(alive)
        for _ in range(3):
            now += 24 * HOUR
            writer.record_tick(Tick(now, now, 0, 0, 900, 0), [])
            for _ in rounds.whole(now):
                assert events_ever(db) == (opened, closed)
        assert rows(db, "SELECT count(*) FROM event") == [(0,)]
        assert events_ever(db) == (opened, closed)
    assert events_ever(db) == (opened, closed)


def test_gaps_between_and_within_watches_add_up_and_the_present_one_grows(db: Path) -> None:
    now = START
    with open_writer(db, HOST, now) as writer:
        assert unwatched(db, now) is None
        writer.begin_watch(now, PLAN)
        assert unwatched(db, now) == 0
        now += 60 * SECOND
        writer.record_tick(Tick(now, now, 0, 0, 900, 0, gap=50 * SECOND), [])
        assert unwatched(db, now) == unwatched(db, now + HOUR) == 50 * SECOND
        writer.end_watch(now + SECOND)
    assert unwatched(db, now + 3 * SECOND, watching=False) == 52 * SECOND
    now += 11 * SECOND
    with open_writer(db, HOST, now) as writer:  # and this one is killed
        writer.begin_watch(now, PLAN)
        assert unwatched(db, now) == 60 * SECOND
        writer.record_tick(Tick(now + SECOND, now + SECOND, 0, 0, 900, 0), [])
    assert unwatched(db, now + 5 * SECOND, watching=False) == 64 * SECOND
    # A clock that was set back takes nothing off.
    assert unwatched(db, now - HOUR, watching=False) == 60 * SECOND
    with open_writer(db, HOST, now) as writer:
        writer.begin_watch(now - HOUR, PLAN)
        assert unwatched(db, now - HOUR) == 60 * SECOND


def test_gaps_are_counted_whatever_retention_drops(db: Path) -> None:
    now = START
    keep = RetentionPolicy(samples=HOUR, events=2 * HOUR)
    for turn in range(1, 6):
        with open_writer(db, HOST, now, keep) as writer:
            rounds = Rounds(writer)
            writer.begin_watch(now, PLAN)
            writer.record_tick(Tick(now, now, 0, 0, 900, 0, gap=SECOND), [])
            now += 20 * HOUR
            writer.record_tick(Tick(now, now, 0, 0, 900, 0), [])
            for _ in rounds.whole(now):
                assert unwatched(db, now) == turn * SECOND + (turn - 1) * HOUR
            assert unwatched(db, now) == turn * SECOND + (turn - 1) * HOUR
            writer.end_watch(now)
        now += HOUR
    assert len(rows(db, "SELECT id FROM watch")) < 5
    assert rows(db, "SELECT count(*) FROM tick WHERE gap > 0") == [(0,)]
