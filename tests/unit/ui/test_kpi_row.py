"""The line below a number."""

import re
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest

from porteye_core.ui.kpi_row import sparkline

_SVG = "{http://www.w3.org/2000/svg}"


def drawn(values: list[int]) -> list[tuple[float, float]]:
    """The points of the line, from a picture that a browser could read."""
    (picture,) = set(re.findall(r"url\('data:image/svg\+xml,([^']*)'\)", sparkline(values)))
    line = ET.fromstring(unquote(picture)).find(f"{_SVG}polyline")
    assert line is not None
    return [
        (float(x), float(y)) for x, y in (each.split(",") for each in line.attrib["points"].split())
    ]


def test_more_is_higher_and_later_is_further_right() -> None:
    assert drawn([2, 4, 3]) == [(0, 28), (50, 2), (100, 15)]


@pytest.mark.parametrize("value", [0, 7])
def test_a_line_that_does_not_move_is_level(value: int) -> None:
    assert {y for _, y in drawn([value] * 12)} == {28}


def test_one_value_is_a_point() -> None:
    assert drawn([5]) == [(0, 28)]


def test_its_values_are_said_in_words() -> None:
    assert 'aria-label="The last hour: 1, 2,000"' in sparkline([1, 2000])


def test_nothing_in_it_ends_its_attribute() -> None:
    assert sparkline([1, 2]).count('"') == 2 * len(["class", "role", "aria-label", "style"])
