"""Pure: DataFrames to Plotly figures. Nothing here knows of a page or a database.

Times come without a zone, as the reader's clock shows them: Plotly draws what it is given.
"""

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

# Okabe and Ito's palette, which colour-blind readers tell apart; the darker half of it stands on
# light and dark alike.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A7C00", "#7B61C4")
_OTHERS = "#8A8F98"
_OPENED, _CLOSED = "#009E73", "#D55E00"
_UNWATCHED = "rgba(128, 128, 128, 0.35)"

Span = tuple[pd.Timestamp, pd.Timestamp]  # the range that every chart of a page shows
_ROW_HEIGHT, _BAR_SHARE, _FRAME_HEIGHT, _FEWEST_ROWS = 22, 0.65, 130, 4
_LEFT = 76  # pixels: charts that stand below each other share one time axis
_LONGEST_NAME = 40


def open_listeners(turnover: pd.DataFrame, gaps: pd.DataFrame, span: Span) -> go.Figure:
    """How many listeners were open over time, as steps: each bucket's count stands at its end."""
    figure = go.Figure(
        go.Scatter(
            x=turnover["end"].where(lambda end: end < span[1], span[1]),
            y=turnover["open"],
            mode="lines",
            line={"shape": "hv", "color": PALETTE[0], "width": 2},
            fill="tozeroy",
            fillcolor="rgba(0, 114, 178, 0.15)",
            name="open",
            hovertemplate="%{y} open<br>%{x}<extra></extra>",
        )
    )
    figure.update_yaxes(**_whole_numbers(turnover["open"].max()))
    return _finished(figure, gaps, span, "Listeners open", height=280)


def turnover(buckets: pd.DataFrame, gaps: pd.DataFrame, span: Span, bucket: str) -> go.Figure:
    """Opens above and closes below the line, per bucket; `bucket` says how long one is."""
    # Plotly measures lengths on a time axis in milliseconds, and centres bars unless told.
    width = (buckets["end"] - buckets["at"]).dt.total_seconds() * 1000
    within = {"x": buckets["at"], "width": width, "offset": 0}
    figure = go.Figure(
        [
            go.Bar(
                **within,
                y=buckets["opened"],
                name="opened",
                marker={"color": _OPENED},
                hovertemplate="%{y} opened<br>%{x}<extra></extra>",
            ),
            go.Bar(
                **within,
                y=-buckets["closed"],
                customdata=buckets["closed"],
                name="closed",
                marker={"color": _CLOSED, "pattern": {"shape": "/"}},
                hovertemplate="%{customdata} closed<br>%{x}<extra></extra>",
            ),
        ]
    )
    figure.update_layout(barmode="relative", bargap=0.1)
    figure.update_yaxes(**_whole_numbers(buckets[["opened", "closed"]].max().max()))
    return _finished(figure, gaps, span, f"Events per {bucket}", height=280)


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
    height = _FRAME_HEIGHT + _ROW_HEIGHT * drawn_rows
    return _finished(figure, gaps, span, "", height=height)


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
    return f"{_text(life['process'])}{pid}<br>{where}<br>{begin}<br>{end}"


def _text(value: object) -> str:
    """A name as Plotly shows it literally: it reads a subset of HTML in labels and legends."""
    return str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _by_color(lives: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """The most frequent programs, with a colour each; the others share grey and one name."""
    programs = lives["process"].astype("str")
    names = list(programs.value_counts().index)
    for name, color in zip(names, PALETTE, strict=False):
        yield _legend(name), color, lives[programs == name]
    if others := names[len(PALETTE) :]:
        yield f"{len(others)} more", _OTHERS, lives[programs.isin(others)]


def _legend(name: str) -> str:
    cut = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
    return _text(cut) or "unknown"


def _whole_numbers(highest: int) -> dict[str, object]:
    """An axis of counts has no half ones between few whole ones."""
    return {"dtick": 1} if highest < 6 else {"tickformat": ",d"}


def _finished(
    figure: go.Figure, gaps: pd.DataFrame, span: Span, y_title: str, height: int
) -> go.Figure:
    for start, end in zip(gaps["start"], gaps["end"], strict=True):
        # Above the bars: a life that goes on under it was not watched there.
        figure.add_vrect(
            x0=start, x1=end, fillcolor=_UNWATCHED, line_width=0, layer="above", name="not watched"
        )
    figure.update_layout(
        height=height,
        margin={"l": _LEFT, "r": 8, "t": 24, "b": 8},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        showlegend=True,
        hoverlabel={"align": "left"},
    )
    figure.update_xaxes(type="date", range=list(span))
    figure.update_yaxes(title_text=y_title, automargin=False, rangemode="tozero")
    return figure
