"""Looks keep their intervals, and say so where they did not."""

import pytest

from porteye_core.model import ScanDepth, WatchPlan
from porteye_core.monitor.schedule import Schedule, Turn
from tests.kit.values import SECOND

PLAN = WatchPlan("portable", 1 * SECOND, 10 * SECOND)
WALL = 1_700_000_000 * SECOND  # this much ahead of the steady clock


@pytest.fixture
def schedule() -> Schedule:
    return Schedule(PLAN)


def scan(schedule: Schedule, began: int, *, failing: bool = False) -> Turn:
    """A scan that succeeds; failing: the one before it did not."""
    turn = schedule.turn(WALL + began, began, failing=failing)
    if turn.depth > ScanDepth.NOTICES:
        schedule.scanned(turn)
    return turn


def at(wall: int, began: int) -> Turn:
    return Turn(wall, began, ScanDepth.SOCKETS)


def test_every_tenth_scan_samples(schedule: Schedule) -> None:
    turns = [scan(schedule, second * SECOND) for second in range(1, 32)]
    assert [second for second, turn in enumerate(turns) if turn.depth is ScanDepth.CLIENTS] == [
        0,
        10,
        20,
        30,
    ]
    assert {turn.depth for turn in turns} == {ScanDepth.SOCKETS, ScanDepth.CLIENTS}
    assert {turn.gap for turn in turns} == {0}


def test_between_two_scans_only_notices_are_read(schedule: Schedule) -> None:
    scan(schedule, SECOND)
    assert scan(schedule, SECOND + SECOND // 2).depth is ScanDepth.NOTICES
    assert schedule.left(SECOND + SECOND // 2) == 0.5


def test_what_is_not_explained_is_scanned_at_at_once(schedule: Schedule) -> None:
    scan(schedule, SECOND)
    schedule.hasten()
    assert schedule.left(SECOND + 1) == 0
    assert scan(schedule, SECOND + 1).depth is ScanDepth.SOCKETS


def test_a_scan_that_took_long_does_not_make_the_next_ones_hurry(schedule: Schedule) -> None:
    scan(schedule, SECOND)
    scan(schedule, 4 * SECOND)
    assert schedule.left(4 * SECOND) >= 0.5


def test_nobody_looked_for_as_long_as_a_late_look_is_late(schedule: Schedule) -> None:
    scan(schedule, SECOND)
    late, later = scan(schedule, 4 * SECOND), scan(schedule, 8 * SECOND)
    assert (late.depth, late.gap) == (ScanDepth.SOCKETS, 0)  # two intervals and a second
    assert (later.depth, later.gap) == (ScanDepth.CLIENTS, 4 * SECOND)


def test_after_one_that_failed_nobody_scanned_since_the_one_before(schedule: Schedule) -> None:
    scan(schedule, SECOND)
    schedule.turn(WALL + 2 * SECOND, 2 * SECOND, failing=False)  # fails
    assert scan(schedule, 3 * SECOND, failing=True).gap == 2 * SECOND


def test_before_the_first_scan_there_is_no_gap(schedule: Schedule) -> None:
    assert not schedule.has_scanned
    first = scan(schedule, 3600 * SECOND)
    assert (first.depth, first.gap) == (ScanDepth.CLIENTS, 0)
    assert schedule.has_scanned


@pytest.mark.parametrize("step", [-3600 * SECOND, SECOND, 86_400 * SECOND])
def test_a_clock_that_is_set_is_told_from_one_that_drifts(schedule: Schedule, step: int) -> None:
    assert schedule.step(at(WALL, 0)) == 0  # nothing to compare with
    scan(schedule, SECOND)
    assert schedule.step(at(WALL + 2 * SECOND + 400_000, 2 * SECOND)) == 0
    assert schedule.step(at(WALL + 2 * SECOND + step, 2 * SECOND)) == step
