"""The figure of what a listener used."""

import pandas as pd
import pytest

from porteye_core.charts.figure import NOT_WATCHED
from porteye_core.charts.usage import usage

START = pd.Timestamp("2026-01-01T01:00:00")
MINUTE = pd.Timedelta(minutes=1)
SPAN = (START, START + 4 * MINUTE)
GAPS = pd.DataFrame({"start": [START + MINUTE], "end": [START + 2 * MINUTE]})


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "at": [START, START + 3 * MINUTE],
            "cpu": pd.array([1.5, 2.5], dtype="Float64"),
            "rss": pd.array([1 << 20, 3 << 20], dtype="Float64"),
            "clients": pd.array([None, None], dtype="Float64"),
            "queue": pd.array([0, 7], dtype="Float64"),
        }
    )


def test_each_figure_has_a_plot_of_its_own_and_what_is_not_known_has_none(
    frame: pd.DataFrame,
) -> None:
    drawn = usage(frame, GAPS.iloc[:0], SPAN)
    assert [each.name for each in drawn.data] == ["CPU, % of a core", "Memory, MiB", "Accept queue"]
    domains = set()
    for line in drawn.data:
        axis = drawn.layout["yaxis" + line.yaxis[1:]]
        assert axis.visible is not False
        assert axis.range is None
        assert axis.overlaying is None
        domains.add(axis.domain)
    assert len(domains) == 3
    assert list(drawn.data[1].y) == [1, 3]
    assert drawn.layout["yaxis" + drawn.data[2].yaxis[1:]].tickformat == ",d"


def test_a_gap_is_hatched_across_every_plot(frame: pd.DataFrame) -> None:
    drawn = usage(frame, GAPS, SPAN)
    hatched = [each for each in drawn.data if each.name == NOT_WATCHED]
    under = [drawn.layout["yaxis" + each.yaxis[1:]].overlaying for each in hatched]
    lines = [each.yaxis for each in drawn.data if each.name != NOT_WATCHED]
    assert under == lines
    assert [each.xaxis for each in hatched] == [
        each.xaxis for each in drawn.data if each.name != NOT_WATCHED
    ]
