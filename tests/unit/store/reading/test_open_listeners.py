"""What was open at a moment, by the index of lives and by reading them all."""

import random
from functools import partial
from pathlib import Path

import pytest

from porteye_core.model import Filters, Listener, Precision, Tick
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading import Gap, Reader, open_reader
from porteye_core.store.reading.status import status
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.seeding import PLAN, Instant
from tests.kit.values import SECOND, endpoint, owned, process

START = 20_000 * 86_400 * SECOND
MINUTE = 60 * SECOND
ALL = Filters()


def ids(reader: Reader, at: int) -> set[int]:
    return set(reader.open_at(ALL, at, reader.coverage_at(at, watching=True))["id"])


@pytest.mark.parametrize("seed", range(3))
def test_the_index_finds_what_reading_every_life_finds(db: Path, writer: Writer, seed: int) -> None:
    chance = random.Random(seed)
    writer.begin_watch(START, PLAN)
    now, alive = START, list[Listener]()
    for _ in range(200):
        now += round(10 ** chance.uniform(0, 5.3)) * SECOND
        closing = [alive.pop(chance.randrange(len(alive)))] if len(alive) > 3 else []
        alive += writer.record_changes(
            now,
            [Opening(owned(endpoint(chance.randrange(1, 99))), now, Precision.KERNEL)],
            [Closing(each, now, Precision.KERNEL) for each in closing],
        )
    with open_connection(db) as connection:
        reader = Reader(connection, partial(status, connection, db))
        for _ in range(40):
            at = chance.randrange(START, now)
            wanted = connection.execute(
                "SELECT id FROM listener WHERE opened_at <= ? AND coalesce(closed_at, ?) > ?",
                (at, now * 2, at),
            )
            assert ids(reader, at) == {row[0] for row in wanted}


def test_no_sample_is_taken_from_the_future(seeded: Instant) -> None:
    with open_reader(seeded.db) as reader:
        for at, known in ((seeded.now - 1, False), (seeded.now, True)):
            how = reader.coverage_at(at, watching=True)
            assert bool(reader.open_at(ALL, at, how)["rss"].notna().any()) is known


def test_what_a_gap_hides_is_said(db: Path, writer: Writer) -> None:
    writer.begin_watch(START, PLAN)
    first = [owned(endpoint(port), process(port)) for port in (1, 2)]
    born = writer.record_changes(START, [Opening(each, START, Precision.POLL) for each in first])
    writer.end_watch(START + MINUTE)
    back = START + 3 * MINUTE
    writer.begin_watch(back, PLAN)
    late = Opening(owned(endpoint(3), process(3)), back, Precision.GAP)
    writer.record_changes(back, [late], [Closing(born[1], back, Precision.GAP)])
    with open_reader(db) as reader:
        at = START + 2 * MINUTE
        how = reader.coverage_at(at, watching=True)
        assert how.gap == Gap(START + MINUTE, back)
        told = reader.open_at(ALL, at, how).set_index("port")["certainty"].to_dict()
        assert told == {
            1: "open before and after the gap",
            2: "may have closed already",
            3: "may have been open already",
        }
        for sure in (START, back):
            assert reader.coverage_at(sure, watching=True).gap is None
        assert reader.coverage_at(1, watching=True).gap == Gap(None, SECOND)
        # A watch that nobody continues ends where it was last seen.
        assert reader.coverage_at(back + MINUTE, watching=False).gap == Gap(back, None)


def test_a_watch_that_did_not_scan_for_a_while_has_a_gap(db: Path, writer: Writer) -> None:
    writer.begin_watch(START, PLAN)
    at = START + 10 * MINUTE
    tick = Tick(at, at, listeners=0, clients=0, scan_us=1, hidden=0, gap=5 * MINUTE)
    writer.record_tick(tick, [])
    with open_reader(db) as reader:
        assert reader.coverage_at(at - MINUTE, watching=True).gap == Gap(at - 5 * MINUTE, at)
        assert reader.coverage_at(at - 6 * MINUTE, watching=True).gap is None
