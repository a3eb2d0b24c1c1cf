"""Figures: what is in them, never their pixels."""

import pandas as pd
import plotly.graph_objects as go
import pytest

from porteye_core.charts import activity
from porteye_core.charts import lives as life_bars
from porteye_core.charts.figure import FRAME_HEIGHT, PALETTE

START = pd.Timestamp("2026-01-01T00:00:00")
HOUR = pd.Timedelta(hours=1)
SPAN = (START, START + 4 * HOUR)
GAPS = pd.DataFrame({"start": [START], "end": [START + HOUR]})
NO_GAPS = GAPS.iloc[:0]


@pytest.fixture
def buckets() -> pd.DataFrame:
    at = [START + hour * HOUR for hour in range(4)]
    return pd.DataFrame(
        {
            "at": at,
            "end": [each + HOUR for each in at],
            "opened": [2, 0, 1, 0],
            "closed": [0, 0, 3, 0],
            "open": [2, 2, 0, 0],
        }
    )


@pytest.fixture
def lives() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "port": [443, 80, 80],
            "protocol": ["tcp", "tcp", "tcp"],
            "address": ["0.0.0.0"] * 3,
            "process": ["nginx", "<b>httpd</b>", "nginx"],
            "pid": pd.array([1, 2, None], dtype="Int64"),
            "opened_at": [START - HOUR, START + HOUR, START + 2 * HOUR],
            "closed_at": [pd.NaT, START + 2 * HOUR, START + 9 * HOUR],
            "opened_seen": ["gap", "poll", "poll"],
        }
    ).astype({"closed_at": "datetime64[us]"})


def test_the_open_count_stands_at_the_end_of_its_bucket(buckets: pd.DataFrame) -> None:
    (line,) = activity.open_listeners(buckets, NO_GAPS, SPAN).data
    assert list(line.y) == [2, 2, 0, 0]
    assert pd.Timestamp(line.x[0]) == START + HOUR
    assert line.line.shape == "hv"


def test_opens_rise_and_closes_fall(buckets: pd.DataFrame) -> None:
    figure = activity.turnover(buckets, NO_GAPS, SPAN, "hour")
    opened, closed = figure.data
    assert list(opened.y) == [2, 0, 1, 0]
    assert list(closed.y) == [0, 0, -3, 0]
    assert figure.layout.yaxis.title.text == "Events per hour"
    assert closed.marker.pattern.shape  # told apart by more than colour


def test_every_life_is_a_bar_of_its_length_in_the_row_of_its_port(lives: pd.DataFrame) -> None:
    figure = life_bars.timeline(lives, NO_GAPS, SPAN)
    bars = {bar.name: bar for bar in figure.data}
    assert list(bars["nginx"].y) == ["443/tcp", "80/tcp"]
    assert list(bars["nginx"].x) == [4 * 3_600_000, 2 * 3_600_000]  # cut to the range
    assert list(figure.layout.yaxis.categoryarray) == ["443/tcp", "80/tcp"]
    assert len({bar.marker.color for bar in figure.data}) == 2


def test_a_story_says_what_is_known_and_is_never_markup(lives: pd.DataFrame) -> None:
    bars = {bar.name: bar for bar in life_bars.timeline(lives, NO_GAPS, SPAN).data}
    first = bars["nginx"].customdata[0]
    assert "opened before 2025-12-31 23:00:00" in first
    assert "still open" in first
    escaped = "&lt;b&gt;httpd&lt;/b&gt;"
    assert escaped in bars[escaped].customdata[0]


def test_times_without_a_watch_are_marked_in_every_chart(
    buckets: pd.DataFrame, lives: pd.DataFrame
) -> None:
    for figure in (
        activity.open_listeners(buckets, GAPS, SPAN),
        activity.turnover(buckets, GAPS, SPAN, "hour"),
        life_bars.timeline(lives, GAPS, SPAN),
    ):
        (shape,) = figure.layout.shapes
        assert (pd.Timestamp(shape.x0), pd.Timestamp(shape.x1)) == (START, START + HOUR)


def test_more_programs_than_colours_share_grey(lives: pd.DataFrame) -> None:
    many = pd.concat([lives.assign(process=f"p{i}") for i in range(12)])
    colors = [bar.marker.color for bar in life_bars.timeline(many, NO_GAPS, SPAN).data]
    assert set(PALETTE) < set(colors)
    assert len(set(colors)) == len(PALETTE) + 1


def test_counts_below_six_are_labelled_with_whole_numbers(buckets: pd.DataFrame) -> None:
    assert activity.open_listeners(buckets, NO_GAPS, SPAN).layout.yaxis.dtick == 1


def test_a_long_name_is_cut_in_the_legend(lives: pd.DataFrame) -> None:
    (bar,) = life_bars.timeline(lives.assign(process="<" * 99), NO_GAPS, SPAN).data
    assert bar.name == "&lt;" * 39 + "…"


def test_charts_share_their_left_edge_and_their_bars_stay_thin(
    buckets: pd.DataFrame, lives: pd.DataFrame
) -> None:
    timeline = life_bars.timeline(lives, GAPS, SPAN)
    figures = (
        activity.open_listeners(buckets, GAPS, SPAN),
        activity.turnover(buckets, GAPS, SPAN, "hour"),
        timeline,
    )
    assert len({figure.layout.margin.l for figure in figures}) == 1
    assert not any(figure.layout.yaxis.automargin for figure in figures)
    assert {figure.layout.shapes[0].layer for figure in figures} == {"above"}
    one = life_bars.timeline(lives.iloc[:1], NO_GAPS, SPAN)
    many = life_bars.timeline(pd.concat([lives.assign(port=i) for i in range(9)]), NO_GAPS, SPAN)
    assert pixels(one, rows=1) == pytest.approx(pixels(many, rows=9))


def pixels(figure: go.Figure, rows: int) -> float:
    height = float(figure.layout.height) - FRAME_HEIGHT
    return float(figure.data[0].width) * height / rows
