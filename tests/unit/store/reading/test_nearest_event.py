"""The change before or after a moment is the one that reading every event finds."""

import random
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.history.plain import plain_history
from benchmarks.seed import seed
from benchmarks.seeding.scale import DAY, HOUR, Scale
from porteye_core.model import Filters, Precision, Protocol
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading import events, open_reader
from porteye_core.store.reading.nearest_event import next_change, previous_change
from porteye_core.store.writing.writer import Opening, Writer
from tests.kit.seeding import PLAN, Instant
from tests.kit.values import SECOND, endpoint, owned, process

NOW = 1_700_000_000_000_000
DAYS = 4
EVERYTHING = Filters()


@pytest.fixture(scope="module")
def seeded_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("days") / "seeded.db"
    seed(db, Scale(days=DAYS, listeners=30, events=3000, sample_days=0.05), NOW)
    return db


def times(reader: sqlite3.Connection, filters: Filters) -> list[int]:
    """The times of all events that the filters let through."""
    every = replace(filters, limit=100_000)
    return [row["at"] for row in reader.execute(*plain_history(every))]


def random_filters(draws: random.Random, ports: list[int]) -> Filters:
    low, high = sorted(draws.sample(range(1, 61000), 2))
    several = tuple((port, port) for port in draws.sample(ports, 3))
    return Filters(
        ports=draws.choice([(), (), several, several[:1], ((low, high),)]),
        process=draws.choice(["", "", "python", "vitest", "zzz", "nginx", "(PYTHON)"]),
        protocol=draws.choice([None, None, Protocol.TCP, Protocol.UDP]),
    )


@pytest.mark.parametrize("near", [0, 50, 2000])
def test_it_is_what_reading_every_event_finds(
    seeded_days: Path, near: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for constant in ("_FIRST_READ", "_SECOND_READ", "_SECOND_READ_OF_LISTENERS", "_FEW_EVENTS"):
        monkeypatch.setattr(events, constant, near)
    draws = random.Random(near)
    found = 0
    with open_connection(seeded_days) as reader:
        ports = [port for (port,) in reader.execute("SELECT DISTINCT port FROM event")]
        for _ in range(60):
            filters = random_filters(draws, ports)
            every = times(reader, filters)
            at = draws.choice([NOW - draws.randrange(DAYS * DAY), *every[:1], *every[-1:]])
            before = [time for time in every if time < at]
            after = [time for time in every if time > at]
            assert previous_change(reader, filters, at) == max(before, default=None), (filters, at)
            assert next_change(reader, filters, at) == min(after, default=None), (filters, at)
            found += bool(before) + bool(after)
    assert found > 40


def test_steps_visit_each_time_at_which_something_changed(seeded: Instant) -> None:
    with open_reader(seeded.db) as reader:
        forward, at = list[int](), reader.next_change(EVERYTHING, 0)
        while at is not None:
            forward.append(at)
            at = reader.next_change(EVERYTHING, at)
        back, at = list[int](), reader.previous_change(EVERYTHING, seeded.now + DAY)
        while at is not None:
            back.append(at)
            at = reader.previous_change(EVERYTHING, at)
    assert forward == back[::-1]
    assert len(forward) == 4


def test_what_the_kernel_told_late_is_not_skipped(db: Path, writer: Writer) -> None:
    writer.begin_watch(NOW, PLAN)
    times = [NOW + step * SECOND for step in (30, 10, 20)]
    opened = [
        Opening(owned(endpoint(port), process(port)), at, Precision.KERNEL)
        for port, at in enumerate(times, 1)
    ]
    writer.record_changes(NOW + HOUR, opened)
    with open_reader(db) as reader:
        assert reader.next_change(EVERYTHING, NOW) == NOW + 10 * SECOND
        assert reader.previous_change(EVERYTHING, NOW + 30 * SECOND) == NOW + 20 * SECOND


def test_the_filters_choose_among_the_changes(seeded: Instant) -> None:
    with open_reader(seeded.db) as reader:
        only = Filters(ports=((8765, 8765),))
        assert reader.previous_change(only, seeded.now - 20 * 60 * SECOND) == (
            seeded.now - 30 * 60 * SECOND
        )
        assert reader.next_change(Filters(process="nginx"), seeded.now - HOUR) is None
        assert reader.next_change(Filters(process="no such"), 0) is None
