"""The clock of alerts."""

from hypothesis import given
from hypothesis import strategies as st

from porteye_core.alerts.alert_clock import LONGEST_OFF, Moment, Reading
from porteye_core.alerts.timers import DAY, HOUR, SECOND

THEN = Moment(1000 * DAY, 5 * HOUR, "boot")
MOMENTS = st.builds(
    Moment, st.integers(0, 10**17), st.integers(0, 10**13), st.sampled_from(["", "boot", "next"])
)


def test_within_a_boot_a_step_of_the_wall_clock_moves_nothing() -> None:
    for step in (0, -3 * HOUR, 80 * 365 * DAY):
        later = Moment(THEN.wall + step, THEN.elapsed + SECOND, "boot")
        assert Reading(7, THEN).at(later) == 7 + SECOND


def test_over_a_reboot_the_wall_clock_is_believed_within_bounds() -> None:
    assert Reading(7, THEN).at(Moment(THEN.wall + HOUR, SECOND, "next")) == 7 + HOUR
    assert Reading(7, THEN).at(Moment(THEN.wall - HOUR, SECOND, "next")) == 7
    far = Moment(THEN.wall + 80 * 365 * DAY, SECOND, "next")
    assert Reading(7, THEN).at(far) == 7 + LONGEST_OFF


def test_an_event_has_its_own_time_between_the_last_one_and_now() -> None:
    now = Moment(THEN.wall + HOUR, THEN.elapsed + HOUR, "boot")
    reading = Reading(0, THEN)
    assert reading.of_wall(now.wall - SECOND, now, 0) == HOUR - SECOND
    assert reading.of_wall(now.wall - DAY, now, SECOND) == SECOND
    assert reading.of_wall(now.wall + DAY, now, 0) == HOUR


@given(MOMENTS, st.lists(MOMENTS, max_size=20))
def test_it_never_goes_back(first: Moment, later: list[Moment]) -> None:
    reading = Reading(0, first)
    for each in later:
        clock = reading.at(each)
        assert clock >= reading.clock
        reading = Reading(clock, each)
