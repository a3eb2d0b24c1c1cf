"""Totals of all that was ever recorded."""

import random
from pathlib import Path

import pytest

from porteye_core.model import Kind, Listener, Precision, RetentionPolicy, Tick
from porteye_core.store.reading import open_row_reader
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening
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


@pytest.mark.parametrize("seed", range(3))
def test_events_are_counted_by_kind_whatever_retention_drops(db: Path, seed: int) -> None:
    chance = random.Random(seed)
    alive = list[Listener]()
    opened = closed = elapsed = 0
    now = START
    with open_writer(db, HOST, START, RetentionPolicy(samples=HOUR, events=2 * HOUR)) as writer:
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
            elapsed += 2 * HOUR
            writer.purge_step(now, elapsed)
            while database_of(writer)._retention._round is not None:
                elapsed += 2 * SECOND
                writer.purge_step(now, elapsed)
                assert events_ever(db) == (opened, closed)
        # Even the event with the highest id of all is gone in the end.
        writer.record_changes(now, closed=[Closing(each, now, Precision.POLL) for each in alive])
        closed += len(alive)
        for _ in range(3):
            now, elapsed = now + 24 * HOUR, elapsed + 24 * HOUR
            writer.record_tick(Tick(now, now, 0, 0, 900, 0), [])
            writer.purge_step(now, elapsed)
            while database_of(writer)._retention._round is not None:
                elapsed += 2 * SECOND
                writer.purge_step(now, elapsed)
        assert rows(db, "SELECT count(*) FROM event") == [(0,)]
        assert events_ever(db) == (opened, closed)
    assert events_ever(db) == (opened, closed)
