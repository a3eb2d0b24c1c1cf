"""A sample that says nothing new is not stored; one that does, or the keep-alive, is."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porteye_core.errors import StoreError
from porteye_core.model import Filters, Listener, Precision, Sample, Tick
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading import open_reader
from porteye_core.store.tables.dead_band import KEEP_ALIVE_US, DeadBand, has_moved
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.stored import database_of
from tests.kit.values import SECOND, endpoint, owned

MINUTE = 60 * SECOND
IDLE = Sample(1, cpu=10, rss=100_000_000, clients=0, queue=0, backlog=128)


@pytest.mark.parametrize(
    ("now", "moved"),
    [
        (IDLE, False),
        (replace(IDLE, cpu=60), False),
        (replace(IDLE, cpu=61), True),
        (replace(IDLE, cpu=None), True),
        (replace(IDLE, rss=101_900_000), False),
        (replace(IDLE, rss=102_100_000), True),
        (replace(IDLE, rss=97_900_000), True),
        (replace(IDLE, rss=None), True),
        (replace(IDLE, clients=1), True),
        (replace(IDLE, queue=1), True),
        (replace(IDLE, queue=None), True),
        (replace(IDLE, backlog=4096), True),
    ],
)
def test_what_counts_as_a_change(now: Sample, moved: bool) -> None:  # noqa: FBT001
    assert has_moved(IDLE, now) is moved


def test_a_tenth_of_much_is_no_change_where_half_a_percent_would_be() -> None:
    busy = replace(IDLE, cpu=8000)
    assert not has_moved(busy, replace(busy, cpu=8700))
    assert has_moved(busy, replace(busy, cpu=8900))


def test_small_memory_may_move_by_sixty_four_pages() -> None:
    small = replace(IDLE, rss=1_000_000)
    assert not has_moved(small, replace(small, rss=1_250_000))
    assert has_moved(small, replace(small, rss=1_300_000))


def test_a_slow_drift_is_seen_when_it_has_come_far_enough() -> None:
    band = DeadBand(10 * SECOND)
    stored = []
    for tick in range(20):
        sample = replace(IDLE, cpu=tick * 20)
        moved = band.moved(tick, [sample])
        band.remember(tick, moved)
        stored += moved
    assert [each.cpu for each in stored] == [0, 60, 120, 180, 240, 300, 360]


@given(st.lists(st.integers(1, 60), max_size=100))
def test_no_sample_gets_older_than_the_keep_alive(waits: list[int]) -> None:
    """Ticks come up to a minute late: the sample before is then at most a tick too old."""
    band, at, latest = DeadBand(10 * SECOND), 0, 0
    band.remember(at, [IDLE])
    for wait in waits:
        late = at + wait * SECOND
        assert late - latest <= KEEP_ALIVE_US - 10 * SECOND + wait * SECOND
        at = late
        if moved := band.moved(at, [IDLE]):
            band.remember(at, moved)
            latest = at


@pytest.mark.parametrize("set_to", [-3600 * SECOND, 86_400 * SECOND])
def test_a_clock_that_is_set_makes_every_sample_due(set_to: int) -> None:
    band = DeadBand(10 * SECOND)
    band.remember(0, [IDLE])
    assert band.moved(10 * SECOND, [IDLE]) == []
    assert band.moved(set_to, [IDLE]) == [IDLE]


@pytest.fixture
def idle(writer: Writer) -> Listener:
    (born,) = writer.record_changes(1, [Opening(owned(), 1, Precision.POLL)])
    return born


def tick(writer: Writer, at: int, *samples: Sample) -> None:
    writer.record_tick(Tick(at, at, len(samples), 0, 0, 0), samples)


def test_every_tick_has_a_tick_and_few_have_samples(
    db: Path, writer: Writer, idle: Listener
) -> None:
    for at in range(0, 10 * MINUTE, 10 * SECOND):
        tick(writer, at, replace(IDLE, listener_id=idle.id))
    with open_connection(db) as reader:
        assert reader.execute("SELECT count(*) FROM tick").fetchone()[0] == 60
        assert [
            row[0] / SECOND
            for row in reader.execute("SELECT at FROM sample JOIN tick ON id = tick_id")
        ] == [0, 290, 580]
        assert (
            reader.execute("SELECT sum(beats) FROM rollup WHERE resolution = 300").fetchone()[0]
            == 60
        )


def test_the_page_knows_what_is_unchanged_even_when_a_tick_comes_late(
    db: Path, writer: Writer, idle: Listener
) -> None:
    for at in (*range(0, 281, 10), 300, 309):
        now = at * SECOND
        tick(writer, now, replace(IDLE, listener_id=idle.id))
        for later in (0, 9 * SECOND):
            with open_reader(db) as reader:
                table = reader.open_now(Filters(), now + later)
            assert table["rss"].tolist() == [IDLE.rss]


def test_what_the_database_did_not_take_is_offered_again(
    db: Path, writer: Writer, idle: Listener
) -> None:
    with pytest.raises(StoreError):
        tick(writer, 1, replace(IDLE, listener_id=idle.id), replace(IDLE, listener_id=99))
    tick(writer, 2, replace(IDLE, listener_id=idle.id))
    with open_connection(db) as reader:
        assert reader.execute("SELECT count(*) FROM sample").fetchone()[0] == 1


def test_what_closed_is_forgotten(writer: Writer, idle: Listener) -> None:
    (other,) = writer.record_changes(2, [Opening(owned(endpoint(81)), 2, Precision.POLL)])
    tick(writer, 3, *(replace(IDLE, listener_id=each.id) for each in (idle, other)))
    writer.record_changes(4, closed=[Closing(idle, 4, Precision.POLL)])
    assert list(database_of(writer).dead_band._stored) == [other.id]
