"""Steps that grow and shrink with what they take."""

from collections.abc import Iterator

import pytest

from porteye_core.store.retention import step_budget
from porteye_core.store.retention.step_budget import StepBudget, spend


class Clock:
    """Seconds that pass only when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(step_budget, "time", clock)
    return clock


def after(steps: StepBudget, clock: Clock, *took: float) -> list[int]:
    """The sizes of the steps that follow steps of so many seconds."""
    sizes = []
    for seconds in took:
        with steps.measured():
            clock.now += seconds
        sizes.append(steps.size)
    return sizes


def test_a_step_is_made_to_take_ten_milliseconds(clock: Clock) -> None:
    steps = StepBudget(first=100, minimum=1, maximum=1000)
    assert after(steps, clock, 0.040, 0.010, 0.0125) == pytest.approx([25, 25, 20], abs=1)


def test_a_step_is_at_most_twice_the_one_before(clock: Clock) -> None:
    steps = StepBudget(first=100, minimum=1, maximum=1000)
    assert after(steps, clock, 0.0, 0.001, 0.0001) == [200, 400, 800]


def test_a_step_has_its_minimum_and_its_maximum(clock: Clock) -> None:
    assert after(StepBudget(first=100, minimum=50, maximum=150), clock, 9.0, 0.0, 0.0) == [
        50,
        100,
        150,
    ]


def test_a_work_is_done_piece_by_piece_until_its_time_is_over(clock: Clock) -> None:
    done = []

    def work() -> Iterator[None]:
        for piece in range(9):
            clock.now += 0.004
            done.append(piece)
            yield

    spend(work())
    assert done == [0, 1, 2]
