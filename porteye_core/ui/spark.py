"""A line of a few numbers, as small as a word.

Streamlit draws that of `st.metric` with Vega, a library that a browser works on for half a second
before it can draw the table below.
"""

from collections.abc import Sequence
from urllib.parse import quote

_WIDTH, _HEIGHT, _MARGIN = 100, 30, 2  # of the drawing's own units; it is stretched to its place
_AREA = 0.12  # how much of the line's colour is below it


def spark(values: Sequence[int]) -> str:
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
