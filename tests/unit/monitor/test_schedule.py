"""Looks keep their intervals, and say so where they did not."""

import pytest

from porteye_core.model import Depth, WatchPlan
from porteye_core.monitor.schedule import Schedule, Turn
from tests.kit.values import SECOND

PLAN = WatchPlan("portable", 1 * SECOND, 10 * SECOND)
WALL = 1_700_000_000 * SECOND  # this much ahead of the steady clock


@pytest.fixture
def schedule() -> Schedule:
    return Schedule(PLAN)


def look(schedule: Schedule, began: int, *, failing: bool = False) -> Turn:
    """A look that succeeds; failing: the one before it did not."""
    turn = schedule.turn(WALL + began, began, failing=failing)
    if turn.depth > Depth.NOTICES:
        schedule.looked(turn)
    return turn


def at(wall: int, began: int) -> Turn:
    return Turn(wall, began, Depth.SOCKETS)


def test_every_tenth_look_samples(schedule: Schedule) -> None:
    turns = [look(schedule, second * SECOND) for second in range(1, 32)]
    assert [second for second, turn in enumerate(turns) if turn.depth is Depth.CLIENTS] == [
        0,
        10,
        20,
        30,
    ]
    assert {turn.depth for turn in turns} == {Depth.SOCKETS, Depth.CLIENTS}
    assert {turn.gap for turn in turns} == {0}


def test_between_two_looks_only_notices_are_read(schedule: Schedule) -> None:
    look(schedule, SECOND)
    assert look(schedule, SECOND + SECOND // 2).depth is Depth.NOTICES
    assert schedule.left(SECOND + SECOND // 2) == 0.5


def test_what_is_not_explained_is_looked_at_at_once(schedule: Schedule) -> None:
    look(schedule, SECOND)
    schedule.hasten()
    assert schedule.left(SECOND + 1) == 0
    assert look(schedule, SECOND + 1).depth is Depth.SOCKETS


def test_a_look_that_took_long_does_not_make_the_next_ones_hurry(schedule: Schedule) -> None:
    look(schedule, SECOND)
    look(schedule, 4 * SECOND)
    assert schedule.left(4 * SECOND) >= 0.5


def test_nobody_looked_for_as_long_as_a_late_look_is_late(schedule: Schedule) -> None:
    look(schedule, SECOND)
    late, later = look(schedule, 4 * SECOND), look(schedule, 8 * SECOND)
    assert (late.depth, late.gap) == (Depth.SOCKETS, 0)  # two intervals and a second
    assert (later.depth, later.gap) == (Depth.CLIENTS, 4 * SECOND)


def test_after_one_that_failed_nobody_looked_since_the_one_before(schedule: Schedule) -> None:
    look(schedule, SECOND)
    schedule.turn(WALL + 2 * SECOND, 2 * SECOND, failing=False)  # fails
    assert look(schedule, 3 * SECOND, failing=True).gap == 2 * SECOND


def test_before_the_first_look_there_is_no_gap(schedule: Schedule) -> None:
    assert not schedule.has_looked
    first = look(schedule, 3600 * SECOND)
    assert (first.depth, first.gap) == (Depth.CLIENTS, 0)
    assert schedule.has_looked


@pytest.mark.parametrize("step", [-3600 * SECOND, SECOND, 86_400 * SECOND])
def test_a_clock_that_is_set_is_told_from_one_that_drifts(schedule: Schedule, step: int) -> None:
    assert schedule.step(at(WALL, 0)) == 0  # nothing to compare with
    look(schedule, SECOND)
    assert schedule.step(at(WALL + 2 * SECOND + 400_000, 2 * SECOND)) == 0
    assert schedule.step(at(WALL + 2 * SECOND + step, 2 * SECOND)) == step
