"""Quiet windows, as the alerts process keeps them for the page."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from porteye_core.store.alerts import Quiet, beside, open_to_read, quiet_windows, set_quiet, writing

SUNDAY_NIGHT = Quiet(23 * 60, 2 * 60, frozenset({6}))


def test_windows_are_read_as_they_were_kept_and_replaced_as_a_whole(tmp_path: Path) -> None:
    file = beside(tmp_path / "porteye.db")
    with writing(file) as connection:
        assert quiet_windows(connection) == []
        set_quiet(connection, [Quiet(60, 120), SUNDAY_NIGHT], 1)
    with open_to_read(file) as connection:
        assert quiet_windows(connection) == [Quiet(60, 120), SUNDAY_NIGHT]
    with writing(file) as connection:
        set_quiet(connection, [], 2)
        assert quiet_windows(connection) == []


@pytest.mark.parametrize(
    ("day", "hour", "is_quiet"),
    [(29, 22, False), (29, 23, True), (30, 1, True), (30, 2, False), (28, 23, False)],
)
def test_a_window_of_a_night_belongs_to_the_day_on_which_it_begins(
    day: int, hour: int, *, is_quiet: bool
) -> None:
    assert SUNDAY_NIGHT.contains(datetime(2026, 11, day, hour, tzinfo=UTC)) == is_quiet
