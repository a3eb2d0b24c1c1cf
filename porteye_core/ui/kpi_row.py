"""The numbers above what listens now, each with a line of the hour before it.

Streamlit draws the line of `st.metric` with Vega, a library that a browser works on for half a
second before it can draw the table below.
"""

from collections.abc import Sequence
from urllib.parse import quote

import pandas as pd
import streamlit as st

from porteye_core.exposure import Exposure
from porteye_core.store.reading import LastHour

_REACHABLE = [each.value for each in Exposure if each.is_reachable]
_WIDTH, _HEIGHT, _MARGIN = 100, 30, 2  # of the drawing's own units; it is stretched to its place
_AREA = 0.12  # how much of the line's colour is below it
_LAST_HOUR = "The line shows the last hour, a point for each five minutes."


def draw(table: pd.DataFrame, hour: LastHour) -> None:
    """Draw the numbers of these listeners; those that have just closed do not count, nor those that
    can no longer be looked for."""
    still = table[~table["closed"] & ~table["unseen"]]
    pressed = (still["backlog"] > 0) & (still["queue"] * 2 >= still["backlog"])
    numbers = {
        "Listeners": (len(still), hour.open, "Open now."),
        "Reachable": (
            int(still["exposure"].isin(_REACHABLE).sum()),
            hour.reachable,
            "Bound where other machines may reach it; a firewall may let fewer through.",
        ),
        "Opened": (sum(hour.opened), hour.opened, "In the last hour."),
        "Closed": (sum(hour.closed), hour.closed, "In the last hour."),
        "Full queues": (
            int(pressed.fillna(value=False).sum()),
            hour.pressed,
            "Accept queues that are half full or more: clients wait there to be accepted.",
        ),
    }
    with st.container(horizontal=True, key="kpi_row"):
        for label, (value, line, explained) in numbers.items():
            with st.container(border=True, gap=None):
                st.metric(label, f"{value:,}", help=f"{explained} {_LAST_HOUR}")
                st.html(sparkline(line))


def sparkline(values: Sequence[int]) -> str:
    """HTML of a line through these values, in the colour of the text around it; `values` are said
    to those who do not see it."""
    said = ", ".join(f"{value:,}" for value in values)
    # As a mask, for Streamlit lets no drawing into its HTML, and only a mask takes on a colour.
    picture = f"data:image/svg+xml,{quote(_drawing(values))}"
    return (
        f'<div class="spark" role="img" aria-label="The last hour: {said}"'
        f" style=\"-webkit-mask-image: url('{picture}'); mask-image: url('{picture}')\"></div>"
    )


def _drawing(values: Sequence[int]) -> str:
    line = " ".join(f"{x:g},{y:g}" for x, y in _points(values))
    box = f"viewBox='0 0 {_WIDTH} {_HEIGHT}' preserveAspectRatio='none'"
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' {box}>"
        f"<polygon points='0,{_HEIGHT} {line} {_WIDTH},{_HEIGHT}' fill-opacity='{_AREA}'/>"
        f"<polyline points='{line}' fill='none' stroke='#000' stroke-width='1.5'"
        " vector-effect='non-scaling-stroke'/></svg>"
    )


def _points(values: Sequence[int]) -> list[tuple[float, float]]:
    """The highest value is on top and the lowest at the bottom; a level line is there, too."""
    lowest, range_ = min(values), (max(values) - min(values)) or 1
    step = _WIDTH / max(1, len(values) - 1)
    room = _HEIGHT - 2 * _MARGIN
    return [
        (place * step, _HEIGHT - _MARGIN - room * (value - lowest) / range_)
        for place, value in enumerate(values)
    ]
