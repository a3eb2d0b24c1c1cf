"""The figures of what watching costs: what is in them, never their pixels."""

from collections.abc import Callable

import pandas as pd
import plotly.graph_objects as go
import pytest

from porteye_core.charts import self_usage

START = pd.Timestamp("2026-01-01T00:00:00")
MINUTE = pd.Timedelta(minutes=1)
SPAN = (START, START + 5 * MINUTE)
GAPS = pd.DataFrame({"start": [START + 2 * MINUTE], "end": [START + 3 * MINUTE]})
Figure = Callable[[pd.DataFrame, pd.DataFrame, tuple[pd.Timestamp, pd.Timestamp]], go.Figure]


@pytest.fixture
def figures() -> pd.DataFrame:
    values = [1.0, 2.0, None, 4.0, None]
    columns = ("cpu", "cpu_max", "scan", "scan_max", "rss", "size")
    at = [START + number * MINUTE for number in range(5)]
    return pd.DataFrame({"at": at, **dict.fromkeys(columns, values)})


def lines(figure: go.Figure) -> list[go.Scatter]:
    """The traces of values, without that of the gaps."""
    return [each for each in figure.data if each.name != "not watched"]


@pytest.mark.parametrize("draw", [self_usage.processor, self_usage.scan_times])
def test_average_and_peak_are_told_apart_by_name_and_dashes(
    draw: Figure, figures: pd.DataFrame
) -> None:
    average, peak = lines(draw(figures, GAPS, SPAN))
    assert (average.name, peak.name) == ("average", "peak")
    assert average.line.dash != peak.line.dash


def test_the_start_of_a_monitor_does_not_set_the_scale_of_its_processor_time() -> None:
    at = [START + number * MINUTE for number in range(6)]
    peaks = [97.0, 1.0, None, 88.0, 2.0, 1.0]
    figures = pd.DataFrame({"at": at, "cpu": peaks, "cpu_max": peaks})
    figure = self_usage.processor(figures, GAPS, SPAN)
    lowest, highest = figure.layout.yaxis.range
    assert lowest == 0
    assert 2 < highest < 3
    alone = self_usage.processor(figures[:1], GAPS[:0], SPAN)
    assert alone.layout.yaxis.range is None


@pytest.mark.parametrize("draw", [self_usage.memory, self_usage.database])
def test_bytes_are_drawn_in_mebibytes(draw: Figure, figures: pd.DataFrame) -> None:
    figures[["rss", "size"]] *= 1 << 20
    figure = draw(figures, GAPS, SPAN)
    assert list(figure.data[0].y)[:2] == [1, 2]
    assert figure.layout.yaxis.title.text == "MiB"


@pytest.mark.parametrize(
    "draw", [self_usage.processor, self_usage.scan_times, self_usage.memory, self_usage.database]
)
def test_no_line_crosses_what_nobody_measured(draw: Figure, figures: pd.DataFrame) -> None:
    figure = draw(figures, GAPS, SPAN)
    for line in lines(figure):
        assert not line.connectgaps
        assert pd.isna(line.y[2])
        assert list(line.marker.size) == [0, 0, 0, 5, 0]  # alone, it is no line
    assert [each.name for each in figure.data].count("not watched") == 1
