"""The state of an identity over time."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from porteye_core.alerts.states import (
    COUNTS_FROM,
    Act,
    Course,
    State,
    away,
    follow,
    graver,
    is_done,
    there,
)
from porteye_core.alerts.timers import DAY, HOUR, MINUTE, SECOND, Timers

HOLD = 30 * SECOND
COURSE = Course(HOLD, HOUR, COUNTS_FROM, Timers().flapping)
MISSING = Course(2 * MINUTE, 0, 2 * MINUTE, Timers().flapping)


class Life:
    """An identity whose days pass; `told` has what was told, with its time."""

    def __init__(self, course: Course = COURSE) -> None:
        self.course = course
        self.state: State | None = None
        self.told: list[tuple[Act, int]] = []
        self.now = 0

    def until(self, now: int) -> "Life":
        while self.state and self.state.due is not None and self.state.due <= now:
            self.now = self.state.due
            state, act = follow(self.state, self.now, self.course)
            self._tell(act)
            self.state = state if state is None or act is Act.END else self._with_finding(state)
        self.now = now
        return self

    def opens(self, at: int, verdict: str = "new") -> "Life":
        self.until(at)
        self.state = there(self.state or State(verdict), verdict, at, at, self.course)
        return self

    def closes(self, at: int) -> "Life":
        self.until(at)
        assert self.state
        state, act = away(self.state, at, self.course)
        self._tell(act)
        self.state = None if is_done(state) else state
        if act is Act.FLAPPING:
            self.state = self._with_finding(state)
        return self

    def _with_finding(self, state: State) -> State:
        return replace(state, finding_id=len(self.told))

    def _tell(self, act: Act | None) -> None:
        if act is not None:
            self.told.append((act, self.now))

    @property
    def acts(self) -> list[Act]:
        return [act for act, _ in self.told]


def test_what_stays_is_told_once_after_the_hold() -> None:
    life = Life().opens(0).until(10 * DAY)
    assert life.told == [(Act.BEGIN, HOLD)]


def test_what_is_gone_within_the_hold_is_brief_and_forgotten() -> None:
    life = Life().opens(0).closes(SECOND // 2).until(DAY)
    assert life.acts == [Act.BRIEF]
    assert life.state is None


def test_a_restart_tells_nothing_more() -> None:
    life = Life().opens(0).closes(HOUR).opens(HOUR + 5 * SECOND).until(5 * HOUR)
    assert life.acts == [Act.BEGIN]


def test_the_end_is_told_after_the_absence_and_then_it_begins_anew() -> None:
    life = Life().opens(0).closes(MINUTE).until(HOUR + MINUTE)
    assert life.told == [(Act.BEGIN, HOLD), (Act.END, HOUR + MINUTE)]
    assert life.opens(3 * HOUR).until(4 * HOUR).acts[-1] is Act.BEGIN


def test_a_graver_verdict_is_told_after_its_hold_and_a_lesser_one_is_not() -> None:
    life = Life().opens(0).until(HOUR).opens(HOUR, "wider").opens(2 * HOUR, "new").until(3 * HOUR)
    assert life.told == [(Act.BEGIN, HOLD), (Act.WORSE, HOUR + HOLD)]


def test_three_openings_in_ten_minutes_are_told_once_as_flapping() -> None:
    life = Life()
    for number in range(402):
        life.opens(number * 9 * SECOND).closes(number * 9 * SECOND + 4 * SECOND)
    told = [act for act in life.acts if act is not Act.BRIEF]
    assert told == [Act.FLAPPING]
    assert Act.END not in life.until(3 * HOUR).acts  # five within a day are still too many
    assert life.until(3 * DAY).acts[-1] is Act.END
    assert life.state is None


def test_five_openings_in_a_day_are_flapping_too() -> None:
    life = Life()
    for number in range(9):
        life.opens(number * 3 * HOUR).closes(number * 3 * HOUR + MINUTE)
    told = [act for act in life.acts if act is not Act.BRIEF]
    assert told == [*[Act.BEGIN, Act.END] * 4, Act.BEGIN, Act.FLAPPING]


def test_what_lives_for_a_moment_never_flaps() -> None:
    life = Life()
    for number in range(1000):
        life.opens(number * SECOND).closes(number * SECOND + 1000)
    assert set(life.acts) == {Act.BRIEF}


def test_what_is_missing_ends_at_once_when_it_is_back() -> None:
    life = Life(MISSING).opens(0, "missing").closes(5 * MINUTE).until(6 * MINUTE)
    assert life.told == [(Act.BEGIN, 2 * MINUTE), (Act.END, 5 * MINUTE)]


def test_every_verdict_is_graver_than_none() -> None:
    assert graver("unknown", "")
    assert not graver("new", "new")


@given(
    st.lists(st.integers(1, 3 * HOUR), min_size=2, max_size=40),
    st.lists(st.integers(0, 40 * HOUR), max_size=20),
)
def test_beginnings_and_ends_alternate_whatever_happens_and_whenever_it_is_looked_at(
    steps: list[int], looks: list[int]
) -> None:
    life, looked, at = Life(), Life(), 0
    for number, step in enumerate(steps):
        for look in sorted(looks):
            if at < look < at + step:
                looked.until(look)
        at += step
        for each in (life, looked):
            _ = each.opens(at) if number % 2 == 0 else each.closes(at)
    for each in (life, looked):
        _ = each.closes(at + 10 * DAY) if len(steps) % 2 else each
        each.until(at + 20 * DAY)
    assert looked.told == life.told
    assert life.state is None
    assert alternate([act for act in life.acts if act is not Act.BRIEF])


def alternate(acts: list[Act]) -> bool:
    """Each end follows a beginning, and after a beginning there is no other one before its end."""
    is_told = False
    for act in acts:
        if is_told == (act is Act.BEGIN) and act is not Act.FLAPPING:
            return False
        is_told = act is not Act.END
    return not is_told
