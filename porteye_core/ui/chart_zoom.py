"""A range that was picked on a chart: it becomes the page's own, and there is a way back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import plotly.graph_objects as go
import streamlit as st

from porteye_core.ui import time_range
from porteye_core.ui.context import viewers_zone
from porteye_core.ui.layout import is_phone
from porteye_core.ui.time_range import CUSTOM

_PICKED, _NEW, _WHOLE = "picked_range", "range_is_picked", "range_before_picking"
_CLICKS = "chart_clicks"
_SECOND = 1_000_000
_SHORTEST = 10 * _SECOND


@dataclass(frozen=True, slots=True)
class _Whole:
    """The range of the sidebar before a range was picked."""

    name: str
    bounds: tuple[int, int] | None


def chart(
    figure: go.Figure,
    key: str,
    range_: tuple[int, int],
    alt: str,
    on_click: Callable[[str], None] | None = None,
) -> None:
    """Draw a figure of this range on which a part of it can be picked, but not on a phone: a finger
    on a chart scrolls the page. on_click: called with the id of a point that is clicked."""
    if is_phone():
        figure.layout.dragmode = False
        on_click = None
    else:
        # A chart tells of the first click alone: after it, it must be another one.
        figure.layout.meta = st.session_state.get(_CLICKS, 0)
    st.plotly_chart(
        figure,
        key=key,
        on_select="ignore" if is_phone() else (lambda: _selected(key, range_, on_click)),
        selection_mode=("points", "box") if on_click else "box",
        # Its buttons would cover the legend on a phone.
        config={"displayModeBar": False},
        alt=alt,
    )


def _selected(key: str, range_: tuple[int, int], on_click: Callable[[str], None] | None) -> None:
    selection = st.session_state[key]["selection"]
    points = [point["id"] for point in selection["points"] if "id" in point]
    if selection["box"]:
        pick(key, *range_)
    elif points and on_click:
        st.session_state[_CLICKS] = st.session_state.get(_CLICKS, 0) + 1
        on_click(points[-1])


def way_back() -> None:
    """Draw the button to the range before picking, if the range is picked."""
    if is_picked():
        st.button("Zoom out", icon=":material/zoom_out_map:", on_click=forget)


def pick(chart: str, since: int, until: int) -> None:
    """Make what was selected on a chart of since..until the range of the page."""
    boxes = st.session_state[chart]["selection"]["box"]
    if not boxes:
        return
    ends = sorted(_moment(str(edge)) for edge in boxes[-1]["x"])
    choose(*(min(max(edge, since), until) for edge in ends))


def choose(first: int, last: int) -> None:
    """Make a part of the range the range of the page; for a callback."""
    # Whole seconds, as they stand in the URL, and not fewer than make a chart.
    first -= first % _SECOND
    last = max(last + -last % _SECOND, first + _SHORTEST)
    if not is_picked():
        name = st.session_state["range"]
        bounds = time_range.ends() if name == CUSTOM else None
        st.session_state[_WHOLE] = _Whole(name, bounds)
    time_range.choose(first, last)
    st.session_state["range"] = CUSTOM
    st.session_state[_PICKED], st.session_state[_NEW] = (first, last), True


def is_new() -> bool:
    """True once after a range was picked."""
    return bool(st.session_state.pop(_NEW, False))


def is_picked() -> bool:
    """True if the range of the page is the one that was picked last."""
    picked = st.session_state.get(_PICKED)
    return (
        picked is not None and st.session_state["range"] == CUSTOM and time_range.ends() == picked
    )


def forget() -> None:
    """Go back to the range before picking."""
    whole: _Whole = st.session_state[_WHOLE]
    if whole.bounds:
        time_range.choose(*whole.bounds)
    st.session_state["range"] = whole.name
    st.session_state[_PICKED] = None


def _moment(edge: str) -> int:
    at = datetime.fromisoformat(edge.replace("T", " ").strip())
    return round(at.replace(tzinfo=viewers_zone()).timestamp() * 1e6)
