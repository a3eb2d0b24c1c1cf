"""Listeners of a time; those with the same words are one."""

from porteye_core.store.reading import open_row_reader
from tests.kit.seeding import MINUTE, Instant


def test_the_lives_of_a_program_on_a_port_are_counted_together(abandoned: Instant) -> None:
    now = abandoned.now
    with open_row_reader(abandoned.db) as reader:
        uses = [use for use in reader.past_uses(now - 60 * MINUTE, now) if use.port == 8765]
    assert sum(use.openings for use in uses) == 2
    assert max(use.longest for use in uses) == 10 * MINUTE
    assert [use.last for use in uses if use.is_open] == [now]


def test_what_closed_before_the_range_is_not_in_it(abandoned: Instant) -> None:
    now = abandoned.now
    with open_row_reader(abandoned.db) as reader:
        uses = [use for use in reader.past_uses(now - 15 * MINUTE, now) if use.port == 8765]
        closed = reader.closed_lives(now - 21 * MINUTE, now)
        assert reader.closed_lives(now - 19 * MINUTE, now) == []
    assert [use.openings for use in uses] == [1]
    assert [life.port for life in closed] == [8765]


def test_each_open_listener_is_a_use_of_its_own(abandoned: Instant) -> None:
    with open_row_reader(abandoned.db) as reader:
        uses = reader.open_by_id()
        lives = {life.id: life for life in reader.choices(9)}
    assert {id_: (use.port, use.process) for id_, use in uses.items()} == {
        id_: (life.port, life.process) for id_, life in lives.items()
    }
    assert sorted(use.port for use in uses.values()) == [53, 80, 5432, 8765]
