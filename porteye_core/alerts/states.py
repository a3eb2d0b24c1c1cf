"""State of an identity over time, and what follows when a time is over; pure.

An identity is there or away. Once it has been there for its hold it is told; once it has been away
for long enough its end is told, and it begins anew. All times are of the alert clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from porteye_core.alerts.timers import SECOND, Flapping
from porteye_core.judging.verdicts import GRAVITY

_MOST_OPENINGS = 5


class Act(StrEnum):
    """Something that a state leads to."""

    BEGIN = "begin"  # it is true, and has not been told
    WORSE = "worse"  # the same, though a less grave verdict has been told
    FLAPPING = "flapping"  # it comes and goes too often to tell each time
    END = "end"  # it is true no more
    BRIEF = "brief"  # it was gone before it had to be told


@dataclass(frozen=True, slots=True)
class Course:
    """Times of one kind of identity. hold: it is there so long before it is told; away: so long
    before its end is. counts_from: the length from which an opening counts as one that flaps, None
    if it never flaps; flapping: the numbers that are too many."""

    hold: int
    away: int
    counts_from: int | None = None
    flapping: tuple[Flapping, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """State of an identity: known, and told. opened: since when it is there, None while it is away;
    closed: since when it was away. due: when something follows. finding_id: of the finding that is
    true; told: its verdict. openings: the latest that count."""

    verdict: str
    opened: int | None = None
    closed: int | None = None
    due: int | None = None
    finding_id: int | None = None
    told: str = ""
    openings: tuple[int, ...] = ()
    is_flapping: bool = False


def graver(verdict: str, than: str) -> bool:
    """Tell that a verdict is graver than another one; all are graver than none."""
    last = len(GRAVITY)
    return GRAVITY.get(verdict, last - 1) < GRAVITY.get(than, last)


def there(state: State, verdict: str, at: int, now: int, course: Course) -> State:
    """The state of an identity that is there since `at`, and has this verdict from now on."""
    opened = at if state.opened is None else min(state.opened, at)
    is_new = state.opened is None or verdict != state.verdict
    due = state.due if state.opened is not None else None
    if state.finding_id is None:
        # A verdict that comes while it is there has to last as long as an opening.
        due = (at if state.opened is None else now) + course.hold if is_new else due
    elif is_new and not state.is_flapping:
        due = now + course.hold if graver(verdict, state.told) else None
    return replace(state, verdict=verdict, opened=opened, due=due)


def away(state: State, at: int, course: Course) -> tuple[State, Act | None]:
    """The state of an identity that went away, and what is to be told of it at once."""
    assert state.opened is not None
    openings = state.openings
    if course.counts_from is not None and at - state.opened >= course.counts_from:
        openings = (*openings, state.opened)[-_MOST_OPENINGS:]
    gone = replace(state, opened=None, closed=at, openings=openings)
    if not state.is_flapping and _calm(openings, course.flapping) > at:
        flapping = replace(gone, is_flapping=True, told=state.verdict)
        return replace(flapping, due=_end(flapping, course)), Act.FLAPPING
    if state.finding_id is None:
        forgotten = _forgotten(openings, course.flapping)
        return replace(gone, due=None if forgotten <= at else forgotten), Act.BRIEF
    return replace(gone, due=_end(gone, course)), None


def follow(state: State, now: int, course: Course) -> tuple[State | None, Act | None]:
    """The state after its due time, None if it may be forgotten, and what is to be told."""
    if state.opened is not None:
        act = Act.BEGIN if state.finding_id is None else Act.WORSE
        return replace(state, due=None, told=state.verdict), act
    if state.finding_id is None:
        return None, None
    return ended(state, now, course), Act.END


def ended(state: State, now: int, course: Course) -> State | None:
    """The state of an identity whose end is told: its openings still count."""
    forgotten = _forgotten(state.openings, course.flapping)
    if forgotten <= now:
        return None
    return replace(state, due=forgotten, finding_id=None, told="", is_flapping=False)


def is_done(state: State) -> bool:
    """Tell that nothing follows: it is away, and nothing of it counts."""
    return state.opened is None and state.due is None


def _end(state: State, course: Course) -> int:
    assert state.closed is not None
    calm = _calm(state.openings, course.flapping) if state.is_flapping else 0
    return max(state.closed + course.away, calm)


def _calm(openings: Sequence[int], rules: Sequence[Flapping]) -> int:
    """The time from which on no rule says that these openings are too many."""
    return max(
        (
            openings[-each.openings] + each.within
            for each in rules
            if len(openings) >= each.openings
        ),
        default=0,
    )


def _forgotten(openings: Sequence[int], rules: Sequence[Flapping]) -> int:
    """The time from which on no rule counts one of these openings."""
    if not openings or not rules:
        return 0
    return openings[-1] + max(each.within for each in rules)


COUNTS_FROM = SECOND
"""The length from which an opening counts: what lives a moment is brief, however often."""
