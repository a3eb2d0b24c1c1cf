"""The themes of .streamlit/config.toml, by the contrast that WCAG 2.2 AA asks for."""

import re
from typing import Any

import pytest

from porteye_core.ui.layout import style
from tests.kit.themes import THEMES

NAMES = ("light", "dark")
GROUNDS = ("backgroundColor", "secondaryBackgroundColor")
HUES = ("red", "orange", "yellow", "blue", "green", "violet", "gray")
TEXT, GRAPHICS = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11
FADED = 0.6  # the opacity that Streamlit gives labels and captions

RGB = tuple[float, float, float]


def rgb(color: str) -> RGB:
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def luminance(color: RGB) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: RGB, other: RGB) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def faded(color: RGB, ground: RGB) -> RGB:
    red, green, blue = (
        FADED * top + (1 - FADED) * below for top, below in zip(color, ground, strict=True)
    )
    return red, green, blue


def grounds(theme: dict[str, Any]) -> list[RGB]:
    """All that text and lines stand on, in the page and in its sidebar."""
    return [rgb(part[ground]) for part in (theme, theme["sidebar"]) for ground in GROUNDS]


def test_contrast_is_computed_as_the_standard_says() -> None:
    assert contrast(rgb("#000000"), rgb("#FFFFFF")) == pytest.approx(21)
    assert contrast(rgb("#777777"), rgb("#FFFFFF")) == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_text_and_links_can_be_read_on_every_ground(name: str) -> None:
    theme = THEMES[name]
    for ground in grounds(theme):
        for color in ("textColor", "linkColor", "primaryColor"):
            assert contrast(rgb(theme[color]), ground) >= TEXT, (color, ground)
        assert contrast(faded(rgb(theme["textColor"]), ground), ground) >= TEXT, ground


@pytest.mark.parametrize("name", NAMES)
def test_headers_of_tables_and_code_can_be_read(name: str) -> None:
    theme = THEMES[name]
    for of in ("dataframeHeader", "code"):
        shown = contrast(rgb(theme[f"{of}TextColor"]), rgb(theme[f"{of}BackgroundColor"]))
        assert shown >= TEXT, of


@pytest.mark.parametrize("hue", HUES)
@pytest.mark.parametrize("name", NAMES)
def test_messages_and_badges_can_be_read(name: str, hue: str) -> None:
    theme = THEMES[name]
    text = rgb(theme[f"{hue}TextColor"])
    for ground in (rgb(theme[f"{hue}BackgroundColor"]), *grounds(theme)):
        assert contrast(text, ground) >= TEXT, ground


@pytest.mark.parametrize("name", NAMES)
def test_the_colors_of_charts_stand_out_and_differ(name: str) -> None:
    theme = THEMES[name]
    colors = theme["chartCategoricalColors"]
    assert len(set(colors)) == len(colors) == 8
    for color in colors:
        assert contrast(rgb(color), rgb(theme["backgroundColor"])) >= GRAPHICS, color


def test_fonts_come_from_no_network() -> None:
    fonts = [each for name, each in THEMES.items() if name.lower().endswith("font")]
    assert fonts
    assert not [each for each in fonts if re.search(r"https?:|//", each)]


def test_the_answers_of_the_lookup_lie_on_the_ground_of_the_page() -> None:
    found = re.search(r"\.st-key-find_answers {background: light-dark\((.+?), (.+?)\)", style())
    assert found
    assert found.groups() == tuple(THEMES[name]["backgroundColor"] for name in NAMES)
