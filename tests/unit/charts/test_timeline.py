"""Figures: what is in them, never their pixels."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from porteye_core.charts import activity, heat_map
from porteye_core.charts import timeline as life_bars
from porteye_core.charts.figure import (
    FRAME_HEIGHT,
    NOT_WATCHED,
    OTHERS,
    PALETTE,
    Span,
    moments,
    with_cursor,
)
from porteye_core.charts.timeline import several, stories

ZONE = "Europe/Berlin"
START = pd.Timestamp("2026-01-01T01:00:00", tz=ZONE)
WALL = START.tz_localize(None)
HOUR = pd.Timedelta(hours=1)
SPAN: Span = (START, START + 4 * HOUR)
GAPS = pd.DataFrame({"start": [START], "end": [START + HOUR]})
NO_GAPS = GAPS.iloc[:0]
ROWS = [(80, "tcp"), (443, "tcp")]
MILLISECONDS = 3_600_000  # an hour's


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
    """One that was open before anybody scanned, one polled, and one closed while nobody watched."""
    opened = [START - HOUR, START + HOUR, START + 2 * HOUR]
    closed = [pd.NaT, START + 2 * HOUR, START + 3.5 * HOUR]
    return pd.DataFrame(
        {
            "port": [443, 80, 80],
            "protocol": ["tcp", "tcp", "tcp"],
            "address": ["0.0.0.0"] * 3,
            "process": ["nginx", "<b>httpd</b>", "nginx"],
            "pid": pd.array([1, 2, None], dtype="Int64"),
            "opened_at": opened,
            "closed_at": closed,
            "opened_seen": ["gap", "poll", "kernel"],
            "closed_seen": [None, "kernel", "gap"],
            "opened_from": [pd.NaT, START + 0.5 * HOUR, START + 2 * HOUR],
            "closed_from": [pd.NaT, START + 2 * HOUR, START + 3 * HOUR],
        }
    ).astype(
        {
            f"{edge}_{which}": f"datetime64[us, {ZONE}]"
            for edge in ("opened", "closed")
            for which in ("at", "from")
        }
    )


@pytest.fixture
def merged() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "port": [80],
            "protocol": ["tcp"],
            "process": ["nginx"],
            "opened": [1204],
            "closed": [1203],
            "start": [START],
            "end": [START + 2 * HOUR],
        }
    )


def drawn(lives: pd.DataFrame, gaps: pd.DataFrame = NO_GAPS) -> list[Any]:
    return list(life_bars.timeline(lives, nothing_merged(), ROWS, gaps, SPAN).data)


def nothing_merged() -> pd.DataFrame:
    columns = {"port": [0], "protocol": [""], "process": [""], "opened": [0], "closed": [0]}
    return pd.DataFrame({**columns, "start": [START], "end": [START]}).iloc[:0]


def parts(traces: list[Any], *, soft: bool) -> list[tuple[float, float, float]]:
    """From where to where in hours, and in which row, of the bars with or without a soft edge."""
    return sorted(
        (
            (pd.Timestamp(base) - WALL) / HOUR,
            (pd.Timestamp(base) - WALL) / HOUR + x / MILLISECONDS,
            row,
        )
        for trace in traces
        if isinstance(trace, go.Bar) and (trace.marker.opacity is not None) == soft
        for base, x, row in zip(trace.base, trace.x, trace.y, strict=True)
    )


def test_the_open_count_stands_at_the_end_of_its_bucket(buckets: pd.DataFrame) -> None:
    (line,) = activity.open_listeners(buckets, NO_GAPS, SPAN).data
    assert list(line.y) == [2, 2, 0, 0]
    assert pd.Timestamp(line.x[0]) == WALL + HOUR
    assert line.line.shape == "hv"


def test_opens_rise_and_closes_fall_and_neither_is_labelled_below_nothing(
    buckets: pd.DataFrame,
) -> None:
    figure = activity.turnover(buckets, NO_GAPS, SPAN, "hour")
    opened, closed = figure.data
    assert list(opened.y) == [2, 0, 1, 0]
    assert list(closed.y) == [0, 0, -3, 0]
    assert figure.layout.yaxis.title.text == "Events per hour"
    assert closed.marker.pattern.shape  # told apart by more than colour
    labels = dict(zip(figure.layout.yaxis.tickvals, figure.layout.yaxis.ticktext, strict=True))
    assert labels[-2] == labels[2] == "2"
    assert max(labels) >= 3


def test_what_is_pointed_at_is_told_on_the_readers_clock_and_in_utc(buckets: pd.DataFrame) -> None:
    (line,) = activity.open_listeners(buckets, NO_GAPS, SPAN).data
    assert line.customdata[0] == "2026-01-01 02:00:00 (01:00:00 UTC)"
    early = pd.Series([pd.Timestamp("2026-01-01T00:30:00.1234567", tz=ZONE)])
    assert moments(early) == ["2026-01-01 00:30:00.123 (2025-12-31 23:30:00.123 UTC)"]
    assert moments(early.dt.tz_convert("UTC")) == ["2025-12-31 23:30:00.123 UTC"]


def test_every_life_is_a_bar_of_its_length_in_the_row_of_its_port(lives: pd.DataFrame) -> None:
    exact = lives.assign(opened_from=lives["opened_at"], closed_from=lives["closed_at"])
    traces = drawn(exact)
    # 80 is on top; what began before the range or goes on after it is cut to it.
    assert parts(traces, soft=False) == [(0, 4, 0), (1, 2, 1), (2, 3.5, 1)]
    assert not parts(traces, soft=True)


def test_an_edge_that_is_not_exact_is_drawn_paler_from_its_earliest_time(
    lives: pd.DataFrame,
) -> None:
    traces = drawn(lives)
    assert parts(traces, soft=True) == [(0.5, 1, 1), (3, 3.5, 1)]
    assert parts(traces, soft=False) == [(0, 4, 0), (1, 2, 1), (2, 3, 1)]


def test_a_beginning_that_nothing_bounds_is_soft_all_the_same(lives: pd.DataFrame) -> None:
    late = lives.iloc[:1].assign(opened_at=START + 2 * HOUR)
    ((start, end, _),) = parts(drawn(late), soft=True)
    assert start < end == 2


def test_bars_that_stand_for_several_lives_are_striped_and_say_so(
    lives: pd.DataFrame, merged: pd.DataFrame
) -> None:
    figure = life_bars.timeline(lives.iloc[:1], merged, ROWS, NO_GAPS, SPAN)
    (striped,) = [bar for bar in figure.data if bar.marker.pattern.shape]
    assert "several lives: 1,204 opened, 1,203 closed" in striped.customdata[0]
    assert several(merged) == list(striped.customdata)
    assert sum(bool(bar.showlegend) for bar in figure.data if bar.name == "nginx") == 1


def test_a_story_says_what_is_known_and_is_never_markup(lives: pd.DataFrame) -> None:
    first, second, third = stories(lives)
    assert "opened before 2026-01-01 00:00:00.000" in first
    assert "open as far as is known" in first
    assert "&lt;b&gt;httpd&lt;/b&gt;, pid 2" in second
    assert "or up to 1800 s before" in second
    assert "closed between 2026-01-01 04:00:00.000" in third
    assert "nobody watched" in third
    assert "opened 2026-01-01 03:00:00.000 (02:00:00.000 UTC)" in third


def test_times_without_a_watch_are_hatched_in_every_chart_above_everything(
    buckets: pd.DataFrame, lives: pd.DataFrame
) -> None:
    for figure in every_chart(buckets, lives, GAPS):
        hatched = figure.data[-1]
        assert hatched.name == NOT_WATCHED
        assert hatched.showlegend
        assert hatched.fillpattern.shape == "/"
        # Plotly draws lines above bars and maps, in whatever order they come.
        assert isinstance(hatched, go.Scatter)
        assert [pd.Timestamp(hatched.x[0]), pd.Timestamp(hatched.x[2])] == [WALL, WALL + HOUR]
        assert list(hatched.y[:5]) == [0, 1, 1, 0, 0]


def test_a_gap_too_short_for_a_pixel_is_still_seen(buckets: pd.DataFrame) -> None:
    short = pd.DataFrame({"start": [START + HOUR], "end": [START + HOUR + HOUR / 3600]})
    hatched = activity.open_listeners(buckets, short, SPAN).data[-1]
    assert hatched.x[0] < WALL + HOUR < hatched.x[2]
    assert hatched.x[2] - hatched.x[0] >= 4 * HOUR / 400


def test_without_a_gap_the_legend_does_not_speak_of_one(buckets: pd.DataFrame) -> None:
    figure = activity.open_listeners(buckets, NO_GAPS, SPAN)
    assert NOT_WATCHED not in [trace.name for trace in figure.data]


def test_more_programs_than_colours_share_grey(lives: pd.DataFrame) -> None:
    many = pd.concat([lives.assign(process=f"p{i}") for i in range(12)], ignore_index=True)
    traces = drawn(many)
    colors = {bar.name: bar.marker.color for bar in traces}
    assert set(colors.values()) == {*PALETTE, OTHERS}
    assert colors["4 more"] == OTHERS


def test_a_program_keeps_its_colour_when_others_come_and_go(lives: pd.DataFrame) -> None:
    few = {bar.name: bar.marker.color for bar in drawn(lives.iloc[:1])}
    others = pd.concat([lives.iloc[1:2]] * 5, ignore_index=True)
    more = {
        bar.name: bar.marker.color
        for bar in drawn(pd.concat([lives.iloc[:1], others], ignore_index=True))
    }
    assert few["nginx"] == more["nginx"]


def test_counts_below_six_are_labelled_with_whole_numbers(buckets: pd.DataFrame) -> None:
    assert activity.open_listeners(buckets, NO_GAPS, SPAN).layout.yaxis.dtick == 1


def test_a_long_name_is_cut_in_the_legend(lives: pd.DataFrame) -> None:
    names = {bar.name for bar in drawn(lives.assign(process="<" * 99))}
    assert names == {"&lt;" * 39 + "…"}


def test_a_map_is_empty_where_nothing_happened_and_says_what_did() -> None:
    map_, *_ = hot(NO_GAPS).data
    assert [list(row) for row in pd.DataFrame(map_.z).isna().to_numpy()] == [
        [True, True, True, False],
        [False, True, True, True],
    ]
    assert map_.z[0][3] > map_.z[1][0]
    said = map_.customdata[0][3]
    assert "Port 443/tcp: 600 opened, 400 closed" in said
    assert "to 2026-01-01 05:00:00 (04:00:00 UTC)" in said
    assert map_.colorbar.ticktext[-1] == "1,000"
    assert map_.colorbar.ticktext[0] == "1 event"


def hot(gaps: pd.DataFrame) -> go.Figure:
    cells = pd.DataFrame(
        {
            "port": [80, 443, 22],
            "protocol": ["tcp"] * 3,
            "bucket": [0, 3, 1],
            "opened": [1, 600, 9],
            "closed": [0, 400, 9],
        }
    )
    edges = pd.Series([START + hour * HOUR for hour in range(5)])
    return heat_map.heat(cells, ROWS, edges, gaps, SPAN)


def every_chart(
    buckets: pd.DataFrame, lives: pd.DataFrame, gaps: pd.DataFrame
) -> tuple[go.Figure, ...]:
    return (
        activity.open_listeners(buckets, gaps, SPAN),
        activity.turnover(buckets, gaps, SPAN, "hour"),
        life_bars.timeline(lives, nothing_merged(), ROWS, gaps, SPAN),
        hot(gaps),
    )


def test_charts_share_their_left_edge_and_their_time_axis(
    buckets: pd.DataFrame, lives: pd.DataFrame
) -> None:
    figures = every_chart(buckets, lives, GAPS)
    assert len({figure.layout.margin.l for figure in figures}) == 1
    assert len({tuple(figure.layout.xaxis.range) for figure in figures}) == 1
    assert not any(figure.layout.yaxis.automargin for figure in figures)


def test_bars_are_as_thin_where_they_are_few(lives: pd.DataFrame) -> None:
    one = life_bars.timeline(lives.iloc[:1], nothing_merged(), ROWS[1:], NO_GAPS, SPAN)
    rows = [(port, "tcp") for port in range(80, 90)]
    many = pd.concat([lives.assign(port=port) for port, _ in rows], ignore_index=True)
    all_ = life_bars.timeline(many, nothing_merged(), rows, NO_GAPS, SPAN)
    assert pixels(one, 1) == pytest.approx(pixels(all_, 10))


def pixels(figure: go.Figure, rows: int) -> float:
    height = float(figure.layout.height) - FRAME_HEIGHT
    return float(figure.data[0].width) * height / rows


def test_a_cursor_is_a_line_with_its_label_and_leaves_the_figure_as_it_was(
    buckets: pd.DataFrame,
) -> None:
    figure = activity.open_listeners(buckets, NO_GAPS, SPAN)
    early, late = (with_cursor(figure, START + hours * HOUR, "<b>Thu") for hours in (1, 3))
    assert not figure.layout.shapes
    (line,), (flag,) = early.layout.shapes, early.layout.annotations
    assert pd.Timestamp(line.x0) == pd.Timestamp(line.x1) == WALL + HOUR
    assert flag.text == "&lt;b&gt;Thu"
    assert (flag.xanchor, late.layout.annotations[0].xanchor) == ("left", "right")
