"""A bar for each life of a listener."""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from porteye_core.charts.figure import FRAME_HEIGHT, OTHERS, PALETTE, Span, finished, text

_ROW_HEIGHT, _BAR_SHARE, _FEWEST_ROWS = 22, 0.65, 4
_LONGEST_NAME = 40


def timeline(lives: pd.DataFrame, gaps: pd.DataFrame, span: Span) -> go.Figure:
    """One bar for each life, in a row for each port, coloured by program."""
    figure = go.Figure()
    since, until = span
    rows = [
        f"{port}/{protocol}"
        for port, protocol in zip(lives["port"], lives["protocol"], strict=True)
    ]
    start = lives["opened_at"].where(lives["opened_at"] > since, since)
    end = lives["closed_at"].where(lives["closed_at"] < until, until)
    drawn = lives.assign(
        row=rows, start=start, milliseconds=(end - start).dt.total_seconds() * 1000
    )
    order = sorted(set(rows), key=lambda row: (int(row.split("/")[0]), row), reverse=True)
    figure.update_yaxes(type="category", dtick=1, categoryorder="array", categoryarray=order)
    drawn_rows = max(_FEWEST_ROWS, len(order))
    thickness = _BAR_SHARE * len(order) / drawn_rows  # in rows, which are taller where few
    for name, color, own in _by_color(drawn):
        figure.add_trace(_bars(own, name, color, thickness))
    figure.update_layout(barmode="overlay")
    height = FRAME_HEIGHT + _ROW_HEIGHT * drawn_rows
    return finished(figure, gaps, span, "", height=height)


def _bars(lives: pd.DataFrame, name: str, color: str, thickness: float) -> go.Bar:
    return go.Bar(
        base=lives["start"],
        # In milliseconds, as in turnover(). A life shorter than a pixel keeps its outline.
        x=lives["milliseconds"],
        y=lives["row"],
        width=thickness,
        orientation="h",
        name=name,
        marker={"color": color, "line": {"color": color, "width": 2}},
        customdata=[_story(life) for life in lives.to_dict("records")],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _story(life: Mapping[Hashable, Any]) -> str:
    opened, closed = pd.Timestamp(life["opened_at"]), pd.Timestamp(life["closed_at"])
    before = "before " if life["opened_seen"] == "gap" else ""
    end = "still open" if pd.isna(closed) else f"closed {closed:%Y-%m-%d %H:%M:%S}"
    pid = "" if pd.isna(life["pid"]) else f", pid {life['pid']}"
    where = f"{life['protocol']} {life['address']} port {life['port']}"
    begin = f"opened {before}{opened:%Y-%m-%d %H:%M:%S}"
    return f"{text(life['process'])}{pid}<br>{where}<br>{begin}<br>{end}"


def _by_color(lives: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """The most frequent programs, with a colour each; the others share grey and one name."""
    programs = lives["process"].astype("str")
    names = list(programs.value_counts().index)
    for name, color in zip(names, PALETTE, strict=False):
        yield _legend(name), color, lives[programs == name]
    if others := names[len(PALETTE) :]:
        yield f"{len(others)} more", OTHERS, lives[programs.isin(others)]


def _legend(name: str) -> str:
    cut = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    return text(cut) or "unknown"
