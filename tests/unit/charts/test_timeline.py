"""Figures: what is in them, never their pixels."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from porteye_core.charts import activity, reachable, timeline
from porteye_core.charts.figure import NOT_WATCHED, OTHERS, PALETTE, Span, moments, with_cursor
from porteye_core.charts.lives import COLORS, LOCAL, REACHABLE, several, stories
from porteye_core.charts.timeline import LEFT, LEFT_ON_A_PHONE, Line, meaning

ZONE = "Europe/Berlin"
START = pd.Timestamp("2026-01-01T01:00:00", tz=ZONE)
WALL = START.tz_localize(None)
HOUR = pd.Timedelta(hours=1)
SPAN: Span = (START, START + 4 * HOUR)
GAPS = pd.DataFrame({"start": [START], "end": [START + HOUR]})
NO_GAPS = GAPS.iloc[:0]
LINES = [Line("80 httpd", "httpd", (80, "tcp")), Line("443 nginx", "nginx", (443, "tcp"))]
MILLISECONDS = 3_600_000  # an hour's
MICROS = START.value // 1000


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
            "already": [7, 0, 0, 0],
        }
    )


@pytest.fixture
def lives() -> pd.DataFrame:
    """One that was open before anybody scanned, one polled, and one closed while nobody watched."""
    opened = [START - HOUR, START + HOUR, START + 2 * HOUR]
    closed = [pd.NaT, START + 2 * HOUR, START + 3.5 * HOUR]
    return pd.DataFrame(
        {
            "id": [5, 6, 7],
            "color": [REACHABLE, LOCAL, LOCAL],
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
            "color": [LOCAL],
            "port": [80],
            "protocol": ["tcp"],
            "process": ["nginx"],
            "opened": [1204],
            "closed": [1203],
            "start": [START],
            "end": [START + 2 * HOUR],
        }
    )


def figure(
    lives: pd.DataFrame,
    gaps: pd.DataFrame = NO_GAPS,
    merged: pd.DataFrame | None = None,
    lines: list[Line] = LINES,
    band: pd.DataFrame | None = None,
) -> go.Figure:
    band = quiet() if band is None else band
    merged = nothing_merged() if merged is None else merged
    return timeline.timeline(band, "hour", lives, merged, lines, gaps, SPAN)


def quiet() -> pd.DataFrame:
    """A band in which nothing happens."""
    counts = {name: [0] for name in ("opened", "closed", "already", "open")}
    return pd.DataFrame({"at": [START], "end": [START + 4 * HOUR], **counts})


def nothing_merged() -> pd.DataFrame:
    columns = {"port": [0], "protocol": [""], "process": [""], "opened": [0], "closed": [0]}
    times = {"start": [START], "end": [START]}
    return pd.DataFrame({"color": [""], **columns, **times}).iloc[:0]


def of_lives(found: go.Figure) -> list[Any]:
    """The traces whose bars are lives."""
    return [trace for trace in found.data if str(trace.legendgroup or "")]


def drawn(lives: pd.DataFrame, gaps: pd.DataFrame = NO_GAPS) -> list[Any]:
    return of_lives(figure(lives, gaps))


def named(found: go.Figure, name: str) -> Any:
    (trace,) = [trace for trace in found.data if trace.name == name]
    return trace


def restarts(found: go.Figure) -> Any:
    (marks,) = [each for each in found.data if each.type == "scatter" and each.mode == "markers"]
    return marks


def parts(traces: list[Any], *, soft: bool) -> list[tuple[float, float, float]]:
    """From where to where in hours, and in which row, of the bars with or without a soft edge."""
    return sorted(
        (
            (pd.Timestamp(base) - WALL) / HOUR,
            (pd.Timestamp(base) - WALL) / HOUR + x / MILLISECONDS,
            row,
        )
        for trace in traces
        if (trace.marker.opacity is not None) == soft
        for base, x, row in zip(trace.base, trace.x, trace.y, strict=True)
    )


def test_opens_rise_and_closes_fall_and_neither_is_labelled_below_nothing(
    buckets: pd.DataFrame, lives: pd.DataFrame
) -> None:
    found = figure(lives, band=buckets)
    assert list(named(found, "opened").y) == [2, 0, 1, 0]
    assert list(named(found, "closed").y) == [0, 0, -3, 0]
    axis = found.layout.yaxis
    labels = dict(zip(axis.tickvals, axis.ticktext, strict=True))
    assert labels[-2] == labels[2] == "2"
    assert max(labels) >= 3


def test_what_was_there_already_is_a_note_and_no_tower(
    buckets: pd.DataFrame, lives: pd.DataFrame
) -> None:
    found = figure(lives, band=buckets)
    there = named(found, "already there")
    assert list(there.text) == ["7 already there"]
    assert pd.Timestamp(there.x[0]) == WALL
    assert max(named(found, "opened").y) == 2
    assert "already there" not in [trace.name for trace in figure(lives).data]


def test_the_hand_finds_the_counts_in_the_band_and_a_moment_everywhere(
    buckets: pd.DataFrame, lives: pd.DataFrame
) -> None:
    band, rows = [
        trace
        for trace in figure(lives, band=buckets).data
        if trace.type == "bar" and trace.ids and str(trace.ids[0]).startswith("moment")
    ]
    assert (
        "2 opened, 0 closed, 7 already there<br>in this hour, 2 open at its end"
        in (band.customdata[0])
    )
    assert "1 opened, 3 closed<br>" in band.customdata[len(band.customdata) * 5 // 8]
    assert (band.yaxis, rows.yaxis) == ("y", "y2")
    assert list(band.ids) == list(rows.ids)
    word, (first,) = meaning(rows.ids[0])
    _, (last,) = meaning(rows.ids[-1])
    assert word == "moment"
    assert MICROS < first < MICROS + 60_000_000
    assert (last - first) / 3.6e9 == pytest.approx(4, abs=0.02)
    # The bar that is clicked lies around the moment that it means.
    assert pd.Timestamp(rows.x[0]) - WALL == pd.Timedelta(first - MICROS, "us")


def test_a_click_on_a_bar_means_its_listener_and_no_two_bars_share_an_id(
    lives: pd.DataFrame, merged: pd.DataFrame
) -> None:
    several_stretches = pd.concat([merged, merged.assign(port=443)], ignore_index=True)
    traces = of_lives(figure(lives, merged=several_stretches))
    meant = {meaning(each) for trace in traces for each in trace.ids}
    end = MICROS + 2 * 3_600_000_000
    assert meant == {*(("listener", (each,)) for each in (5, 6, 7)), ("range", (MICROS, end))}
    # Plotly draws one of several bars with the same id.
    assert all(len(set(trace.ids)) == len(trace.ids) for trace in traces)


def test_the_open_count_stands_at_the_end_of_its_bucket(buckets: pd.DataFrame) -> None:
    (line,) = activity.open_listeners(buckets, NO_GAPS, SPAN, LEFT).data
    assert list(line.y) == [2, 2, 0, 0]
    assert pd.Timestamp(line.x[0]) == WALL + HOUR
    assert line.line.shape == "hv"


def test_what_is_pointed_at_is_told_on_the_readers_clock_and_in_utc(buckets: pd.DataFrame) -> None:
    (line,) = activity.open_listeners(buckets, NO_GAPS, SPAN, LEFT).data
    assert line.customdata[0] == "2026-01-01 02:00:00 (01:00:00 UTC)"
    early = pd.Series([pd.Timestamp("2026-01-01T00:30:00.1234567", tz=ZONE)])
    assert moments(early) == ["2026-01-01 00:30:00.123 (2025-12-31 23:30:00.123 UTC)"]
    assert moments(early.dt.tz_convert("UTC")) == ["2025-12-31 23:30:00.123 UTC"]


def test_every_life_is_a_bar_of_its_length_in_the_row_of_its_port(lives: pd.DataFrame) -> None:
    exact = lives.assign(opened_from=lives["opened_at"], closed_from=lives["closed_at"])
    traces = drawn(exact)
    # 80 is on top of four rows; what began before the range or goes on after it is cut to it.
    assert parts(traces, soft=False) == [(0, 4, 2), (1, 2, 3), (2, 3.5, 3)]
    assert not parts(traces, soft=True)


def test_an_edge_that_is_not_exact_is_drawn_paler_from_its_earliest_time(
    lives: pd.DataFrame,
) -> None:
    traces = drawn(lives)
    assert parts(traces, soft=True) == [(0.5, 1, 3), (3, 3.5, 3)]
    assert parts(traces, soft=False) == [(0, 4, 2), (1, 2, 3), (2, 3, 3)]


def test_a_beginning_that_nothing_bounds_is_soft_all_the_same(lives: pd.DataFrame) -> None:
    late = lives.iloc[:1].assign(opened_at=START + 2 * HOUR)
    ((start, end, _),) = parts(drawn(late), soft=True)
    assert start < end == 2


def test_a_restart_has_an_edge_where_two_lives_touch(lives: pd.DataFrame) -> None:
    exact = lives.assign(opened_from=lives["opened_at"], closed_from=lives["closed_at"])
    marks = restarts(figure(exact))
    assert [(pd.Timestamp(x) - WALL) / HOUR for x in marks.x] == [2]
    assert list(marks.y) == [3]
    apart = exact.assign(opened_at=exact["opened_at"] + pd.to_timedelta([0, 0, 1], "h"))
    marks = restarts(figure(apart))
    assert not marks.x


def test_marks_of_restarts_never_hide_the_bar(lives: pd.DataFrame) -> None:
    begun = [START + HOUR + minute * HOUR / 60 for minute in range(60)]
    flapping = pd.concat([lives.iloc[1:2]] * 60, ignore_index=True).assign(
        opened_at=begun, opened_from=begun, closed_at=[*begun[1:], begun[-1] + HOUR / 60]
    )
    marks = restarts(figure(flapping))
    at = [pd.Timestamp(x) for x in marks.x]
    assert 20 < len(at) <= 59
    assert min(b - a for a, b in pairwise(at)) > 4 * HOUR / 250


def test_bars_that_stand_for_several_lives_are_striped_and_say_so(
    lives: pd.DataFrame, merged: pd.DataFrame
) -> None:
    found = figure(lives.iloc[1:2], merged=merged)
    (striped,) = [bar for bar in of_lives(found) if bar.marker.pattern.shape]
    assert "several lives: 1,204 opened, 1,203 closed" in striped.customdata[0]
    assert several(merged) == list(striped.customdata)
    assert sum(bool(bar.showlegend) for bar in of_lives(found) if bar.name == LOCAL) == 1


def test_a_story_says_what_is_known_and_is_never_markup(lives: pd.DataFrame) -> None:
    first, second, third = stories(lives)
    assert "opened before 2026-01-01 00:00:00.000" in first
    assert "open as far as is known" in first
    assert "&lt;b&gt;httpd&lt;/b&gt;, pid 2" in second
    assert "or up to 1800 s before" in second
    assert "closed between 2026-01-01 04:00:00.000" in third
    assert "nobody watched" in third
    assert "opened 2026-01-01 03:00:00.000 (02:00:00.000 UTC)" in third


def test_times_without_a_watch_are_hatched_in_every_plot_above_everything(
    buckets: pd.DataFrame, lives: pd.DataFrame
) -> None:
    for found, plots in ((figure(lives, GAPS), 2), *((each, 1) for each in others(buckets, GAPS))):
        hatches = found.data[-plots:]
        assert [hatch.name for hatch in hatches] == [NOT_WATCHED] * plots
        assert hatches[0].showlegend
        for hatched in hatches:
            assert hatched.fillpattern.shape == "/"
            # Plotly draws lines above bars and maps, in whatever order they come.
            assert isinstance(hatched, go.Scatter)
            edges = [pd.Timestamp(hatched.x[0]), pd.Timestamp(hatched.x[2])]
            assert edges == [WALL, WALL + HOUR]
            assert list(hatched.y[:5]) == [0, 1, 1, 0, 0]


def test_a_gap_too_short_for_a_pixel_is_still_seen(buckets: pd.DataFrame) -> None:
    short = pd.DataFrame({"start": [START + HOUR], "end": [START + HOUR + HOUR / 3600]})
    hatched = activity.open_listeners(buckets, short, SPAN, LEFT).data[-1]
    assert hatched.x[0] < WALL + HOUR < hatched.x[2]
    assert hatched.x[2] - hatched.x[0] >= 4 * HOUR / 400


def test_without_a_gap_the_legend_does_not_speak_of_one(lives: pd.DataFrame) -> None:
    assert NOT_WATCHED not in [trace.name for trace in figure(lives).data]


def test_bars_are_coloured_by_exposure_and_the_legend_says_so(lives: pd.DataFrame) -> None:
    shown = {bar.name: bar.marker.color for bar in drawn(lives) if bar.showlegend}
    assert shown == {REACHABLE: COLORS[REACHABLE], LOCAL: COLORS[LOCAL]}


def test_more_programs_than_colours_share_grey(lives: pd.DataFrame) -> None:
    many = pd.concat([lives.assign(color=f"p{i}") for i in range(12)], ignore_index=True)
    colors = {bar.name: bar.marker.color for bar in drawn(many)}
    assert set(colors.values()) == {*PALETTE, OTHERS}
    assert list(colors.values()).count(OTHERS) == 4
    assert not any(bar.showlegend for bar in drawn(many))  # the rows name them


def test_a_program_keeps_its_colour_when_others_come_and_go(lives: pd.DataFrame) -> None:
    few = {bar.name: bar.marker.color for bar in drawn(lives.iloc[:1].assign(color="nginx"))}
    others = pd.concat([lives.iloc[1:2].assign(color="httpd")] * 5, ignore_index=True)
    both = pd.concat([lives.iloc[:1].assign(color="nginx"), others], ignore_index=True)
    assert few["nginx"] == {bar.name: bar.marker.color for bar in drawn(both)}["nginx"]


def test_counts_below_six_are_labelled_with_whole_numbers(buckets: pd.DataFrame) -> None:
    assert activity.open_listeners(buckets, NO_GAPS, SPAN, LEFT).layout.yaxis.dtick == 1


def test_a_label_is_cut_to_the_room_that_it_has_and_never_markup(lives: pd.DataFrame) -> None:
    lines = [Line(f"80 {'<' * 99}", "x", (80, "tcp")), LINES[1]]
    long, short = figure(lives, lines=lines).layout.yaxis2.ticktext
    assert long.startswith("80 &lt;&lt;")
    assert long.endswith("…")
    assert short == "443 nginx"
    phone = timeline.row_axis([line.label for line in lines], LEFT_ON_A_PHONE)
    assert len(phone["ticktext"][0]) < len(long)


def crowded(label: str = "node: 1,325 ephemeral ports") -> Line:
    edges = pd.Series([START + hour * HOUR for hour in range(5)])
    return Line(label, label, None, np.array([100, 0, 25, 1]), edges, "open")


def test_a_row_of_density_is_darker_where_there_is_more_and_empty_where_there_is_nothing(
    lives: pd.DataFrame,
) -> None:
    found = figure(lives, lines=[*LINES, crowded("<b>node")])
    (dense,) = [trace for trace in found.data if isinstance(trace.marker.color, tuple)]
    assert parts([dense], soft=False) == [(0, 1, 1), (2, 3, 1), (3, 4, 1)]
    depth = [float(color.removesuffix(")").split(",")[-1]) for color in dense.marker.color]
    assert depth[0] == 1
    assert depth[0] > depth[1] > depth[2] > 0.2
    assert dense.customdata[0].startswith("&lt;b&gt;node: 100 open<br>2026-01-01 01:00:00")
    word, (since, until) = meaning(dense.ids[1])
    assert (word, since - MICROS, until - since) == ("range", 2 * 3_600_000_000, 3_600_000_000)


def test_cells_of_ports_have_their_rows_and_lead_on() -> None:
    found = activity.by_port([crowded("80/tcp"), crowded("443/tcp")], NO_GAPS, SPAN, LEFT)
    assert list(found.layout.yaxis.ticktext) == ["80/tcp", "443/tcp"]
    first, second = found.data
    assert (set(first.y), set(second.y)) == ({1}, {0})
    assert {meaning(each)[0] for each in first.ids} == {"range"}


def others(buckets: pd.DataFrame, gaps: pd.DataFrame) -> tuple[go.Figure, ...]:
    return (
        activity.open_listeners(buckets, gaps, SPAN, LEFT),
        activity.by_port([crowded()], gaps, SPAN, LEFT),
        surface(gaps),
    )


def surface(gaps: pd.DataFrame = NO_GAPS) -> go.Figure:
    counts = pd.DataFrame({"at": [START, START + HOUR, START + 4 * HOUR], "count": [4, 6, 6]})
    names = [[], [f"+ {port} <node>" for port in range(3000, 3009)], []]
    ids = ["moment 1", "listener 9", "moment 2"]
    return reachable.reachable(counts, names, ids, gaps, SPAN, LEFT)


def test_each_step_of_what_is_reachable_is_named_and_can_be_clicked() -> None:
    (line,) = surface().data
    assert list(line.y) == [4, 6, 6]
    assert line.line.shape == "hv"
    assert list(line.marker.size) == [0, 7, 0]
    step = line.customdata[1]
    assert step.startswith("+ 3000 &lt;node&gt;<br>+ 3001")
    assert "and 3 more<br>6 reachable<br>2026-01-01 02:00:00 (01:00:00 UTC)" in step
    assert line.ids[1] == "listener 9"


def test_charts_share_their_left_edge_and_their_time_axis(
    buckets: pd.DataFrame, lives: pd.DataFrame
) -> None:
    figures = figure(lives, GAPS), *others(buckets, GAPS)
    assert len({each.layout.margin.l for each in figures}) == 1
    assert len({tuple(each.layout.xaxis.range) for each in figures}) == 1
    assert not any(each.layout.yaxis.automargin for each in figures)
    # A zoom of one chart alone would set them apart.
    assert all(each.layout.xaxis.fixedrange for each in figures)


def test_rows_are_as_high_where_they_are_few(lives: pd.DataFrame) -> None:
    ports = range(80, 90)
    lines = [Line(str(port), "x", (port, "tcp")) for port in ports]
    many = pd.concat([lives.assign(port=port) for port in ports], ignore_index=True)
    assert pixels(figure(lives)) == pytest.approx(pixels(figure(many, lines=lines)))


def pixels(found: go.Figure) -> float:
    """The height of a row."""
    layout = found.layout
    plot = layout.height - layout.margin.t - layout.margin.b
    low, high = layout.yaxis2.range
    return float(plot * layout.yaxis2.domain[1] / (high - low))


def test_twenty_rows_and_their_band_fit_one_screen(lives: pd.DataFrame) -> None:
    lines = [Line(str(port), "x", (port, "tcp")) for port in range(80, 96)]
    of_ports = lives.assign(port=80)
    found = figure(of_ports, lines=[*lines, *(crowded(str(each)) for each in range(4))])
    assert found.layout.height <= 620


def test_a_cursor_is_a_line_with_its_label_and_leaves_the_figure_as_it_was(
    buckets: pd.DataFrame,
) -> None:
    figure = activity.open_listeners(buckets, NO_GAPS, SPAN, LEFT)
    early, late = (with_cursor(figure, START + hours * HOUR, "<b>Thu") for hours in (1, 3))
    assert not figure.layout.shapes
    (line,), (flag,) = early.layout.shapes, early.layout.annotations
    assert pd.Timestamp(line.x0) == pd.Timestamp(line.x1) == WALL + HOUR
    assert flag.text == "&lt;b&gt;Thu"
    assert (flag.xanchor, late.layout.annotations[0].xanchor) == ("left", "right")
