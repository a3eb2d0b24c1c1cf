"""Beginnings and ends of the bars of lives; test_timeline.py reads the figure that has them."""

import numpy as np
import pandas as pd

from porteye_core.charts import lives as bars
from porteye_core.charts.figure import Instants, Span

ZONE = "Europe/Berlin"
DAY: Span = (pd.Timestamp("2026-10-25", tz=ZONE), pd.Timestamp("2026-10-26", tz=ZONE))


def lives(**times: str | None) -> pd.DataFrame:
    """One life, with these times in UTC."""
    names = ("opened_from", "opened_at", "closed_from", "closed_at")
    columns = {
        name: pd.Series([times.get(name)]).astype("datetime64[us, UTC]").dt.tz_convert(ZONE)
        for name in names
    }
    return pd.DataFrame(columns)


def shown(at: Instants) -> list[str]:
    return [str(each)[11:16] for each in at.astype("datetime64[m]")]


def test_a_bar_ends_where_the_readers_clock_stood_also_when_that_was_put_back() -> None:
    life = lives(opened_at="2026-10-25T00:30", closed_at="2026-10-25T02:30")
    found = bars.sharp(life, DAY)
    assert (shown(found.start), shown(found.end)) == (["02:30"], ["03:30"])
    turned = bars.sharp(lives(opened_at="2026-10-25T00:50", closed_at="2026-10-25T01:10"), DAY)
    assert (shown(turned.start), shown(turned.end)) == (["02:50"], ["02:50"])


def test_what_is_not_known_to_have_been_open_is_soft_and_tells_whose_it_is() -> None:
    exact = lives(opened_from="2026-10-25T03:00", opened_at="2026-10-25T03:00")
    late = lives(
        opened_from="2026-10-25T04:00",
        opened_at="2026-10-25T05:00",
        closed_from="2026-10-25T06:00",
        closed_at="2026-10-25T07:00",
    )
    found = bars.soft(pd.concat([exact, late], ignore_index=True), DAY)
    assert list(zip(shown(found.start), shown(found.end), strict=True)) == [
        ("05:00", "06:00"),
        ("07:00", "08:00"),
    ]
    assert found.of.tolist() == [1, 1]


def test_a_bar_without_an_end_reaches_to_the_end_of_the_range_and_none_beyond_it() -> None:
    found = bars.sharp(lives(opened_at="2026-10-20T00:00"), DAY)
    assert found.start.tolist() == [np.datetime64("2026-10-25", "us").tolist()]
    assert found.end.tolist() == [np.datetime64("2026-10-26", "us").tolist()]


def test_a_range_that_ends_earlier_on_the_clock_than_it_begins_has_no_bar_that_runs_backwards() -> (
    None
):
    turn: Span = (
        pd.Timestamp("2026-10-25T00:45", tz="UTC").tz_convert(ZONE),
        pd.Timestamp("2026-10-25T01:15", tz="UTC").tz_convert(ZONE),
    )
    found = bars.sharp(lives(opened_at="2026-10-24T00:00"), turn)
    assert (shown(found.start), shown(found.end)) == (["02:45"], ["02:45"])
    assert not len(bars.soft(lives(opened_at="2026-10-25T01:00"), turn).of)
