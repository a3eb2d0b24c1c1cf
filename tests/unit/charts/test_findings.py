"""Marks of findings on a figure: which there are, and where."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from porteye_core.charts.figure import Span
from porteye_core.charts.findings import with_findings

ZONE = "Europe/Berlin"
START = pd.Timestamp("2026-01-01T01:00:00", tz=ZONE)
HOUR = pd.Timedelta(hours=1)
SPAN: Span = (START, START + 4 * HOUR)
HEIGHTS: dict[tuple[int, str] | None, int] = {(80, "tcp"): 3, (443, "tcp"): 2}
FIGURE = go.Figure([], {"yaxis": {"range": [-10, 10]}}, _validate=False)


def findings(*rows: tuple[Any, ...]) -> pd.DataFrame:
    columns = ["at", "port", "protocol", "listener", "what"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({"port": "Int64", "listener": "Int64", "at": f"datetime64[us, {ZONE}]"})


def test_a_mark_lies_where_its_finding_began_on_the_row_of_its_port() -> None:
    found = findings((START + HOUR, 443, "tcp", 7, "443/tcp <b>x</b>, new"))
    (mark,) = with_findings(FIGURE, found, HEIGHTS, SPAN).data
    assert (list(mark.x), list(mark.y)) == (["2026-01-01 02:00:00.000000"], [2.0])
    assert list(mark.ids) == ["listener 7 #finding"]
    assert mark.customdata[0].startswith("443/tcp &lt;b&gt;x&lt;/b&gt;, new<br>2026-01-01 02:00:00")
    assert mark.name == "not as expected"


def test_what_the_watch_lacks_lies_in_the_band_and_has_no_second_entry_in_the_legend() -> None:
    found = findings(
        (START + HOUR, None, "", None, "nobody watched"), (START, 80, "tcp", None, "missing")
    )
    row, band = with_findings(FIGURE, found, HEIGHTS, SPAN).data
    assert (list(row.y), row.yaxis, list(band.y), band.yaxis) == ([3.0], "y2", [-8.5], "y")
    assert band.showlegend is False
    micros = (START + HOUR).value // 1000
    assert list(band.ids) == [f"moment {micros}"]


@pytest.mark.parametrize(
    "row",
    [
        (START - HOUR, 80, "tcp", 1, "began before the range"),
        (START + 5 * HOUR, 80, "tcp", 1, "began after it"),
        (START, 81, "tcp", 1, "has no row"),
        (START, 80, "udp", 1, "has no row"),
    ],
)
def test_what_has_no_place_has_no_mark_and_leaves_the_figure_as_it_is(row: tuple[Any, ...]) -> None:
    assert with_findings(FIGURE, findings(row), HEIGHTS, SPAN) is FIGURE
