"""Waits between tries."""

from hypothesis import given
from hypothesis import strategies as st

from porteye_core.alerts.backoff import Backoff
from porteye_core.alerts.timers import DAY, HOUR, MINUTE, SECOND

BACKOFF = Backoff()


def test_waits_double_from_seconds_to_an_hour() -> None:
    waits = [BACKOFF.wait(tries, 0, 0.5) for tries in (1, 2, 3, 10, 11, 500)]
    assert waits == [5 * SECOND, 10 * SECOND, 20 * SECOND, 2560 * SECOND, HOUR, HOUR]


@given(st.integers(1, 10_000), st.floats(0, 1e12), st.floats(0, 1))
def test_no_wait_is_longer_than_an_hour_and_some(tries: int, asked: float, chance: float) -> None:
    assert 4 * SECOND <= BACKOFF.wait(tries, asked, chance) <= 1.2 * HOUR
    assert SECOND <= BACKOFF.wait_of_receiver(tries, 0) <= MINUTE
    assert BACKOFF.wait_of_receiver(tries, asked) <= HOUR


def test_a_receiver_is_left_alone_for_as_long_as_it_asks() -> None:
    assert BACKOFF.wait(1, 600, 0) == 600 * SECOND
    assert BACKOFF.wait_of_receiver(1, 600) == 600 * SECOND


def test_a_message_is_given_up_after_three_days_of_tries_and_not_of_sleep() -> None:
    assert not BACKOFF.is_over(100, 3 * DAY - 1)
    assert BACKOFF.is_over(100, 3 * DAY)
    assert not BACKOFF.is_over(2, 7 * DAY)
