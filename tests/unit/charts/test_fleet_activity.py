"""The chart of openings and closings over all hosts."""

import pandas as pd

from porteye_core.charts.fleet_activity import by_bucket

HOUR = pd.Timedelta(hours=1)


def drawn(
    opened: list[int], closed: list[int], zone: str = "Europe/Berlin"
) -> list[dict[str, object]]:
    at = pd.date_range("2026-03-29", periods=len(opened), freq="h", tz="UTC").tz_convert(zone)
    counts = pd.DataFrame({"at": at, "opened": opened, "closed": closed})
    figure = by_bucket(counts, HOUR, (at[0], at[-1] + HOUR))
    return [each for each in figure.to_plotly_json()["data"] if each["type"] == "bar"]


def test_openings_stand_upwards_and_closings_downwards() -> None:
    opened, closed = drawn([3, 0, 2], [1, 5, 0])
    assert (opened["name"], opened["y"]) == ("opened", [3, 0, 2])
    assert (closed["name"], closed["y"]) == ("closed", [-1, -5, 0])
    assert opened["width"] == 3_600_000


def test_a_bar_is_known_by_the_beginning_of_its_bucket() -> None:
    """Also where the clock was set forward."""
    opened, closed = drawn([1, 1, 1], [1, 1, 1])
    begin = pd.Timestamp("2026-03-29", tz="UTC")
    assert (
        opened["ids"] == closed["ids"] == [str((begin + n * HOUR).value // 1000) for n in range(3)]
    )


def test_the_pointer_is_told_the_count_and_the_time_with_utc() -> None:
    opened, closed = drawn([1234], [5])
    assert opened["customdata"] == ["1,234 opened<br>from 2026-03-29 01:00:00 (00:00:00 UTC)"]
    assert closed["customdata"] == ["5 closed<br>from 2026-03-29 01:00:00 (00:00:00 UTC)"]


def test_buckets_without_events_are_drawn() -> None:
    opened, _ = drawn([0], [0])
    assert opened["y"] == [0]
