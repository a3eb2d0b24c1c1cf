"""The strip of a port's lives, as bars and in words."""

import re
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from porteye_core.store.reading import PortLife, PortLives
from porteye_core.ui.life_strip import Strip, html, words
from tests.kit.lives import NGINX, NOW

HOUR = 3_600 * 1_000_000
DAY = 24 * HOUR
SECOND = 1_000_000
SINCE = NOW - 7 * DAY
PROGRAM, OTHER = 1, 2


def strip(
    *lives: PortLife, gaps: tuple[tuple[int, int], ...] = (), since: int = SINCE, cut: bool = False
) -> Strip:
    of = replace(NGINX, id=lives[-1].id if lives else 1)
    return Strip(of, PortLives(lives, cut), gaps, since, NOW, ZoneInfo("Europe/Berlin"))


def life(number: int, opened: int, closed: int | None, program: int = PROGRAM) -> PortLife:
    return PortLife(number, opened, closed, program, "nginx")


def bars(shown: Strip, kind: str) -> list[tuple[float, float]]:
    """Start and width of the bars of a kind, in percent."""
    found = re.findall(rf'class="{kind}" style="left:([\d.]+)%;width:([\d.]+)%"', html(shown))
    return [(float(left), float(width)) for left, width in found]


def test_a_bar_is_where_and_as_long_as_its_life() -> None:
    shown = strip(life(1, SINCE + DAY, SINCE + 2 * DAY, OTHER), life(2, NOW - DAY, None))
    assert bars(shown, "life-other") == [(14.29, 14.29)]
    assert bars(shown, "life-this") == [(85.71, 14.29)]
    assert bars(shown, "life-opened") == [(14.29, 0.25), (85.71, 0.25)]


def test_a_life_that_began_before_the_strip_has_no_opening_in_it() -> None:
    shown = strip(life(1, SINCE - 9 * DAY, None))
    assert bars(shown, "life-this") == [(0.0, 100.0)]
    assert bars(shown, "life-opened") == []
    assert words(shown) == "Port 443/tcp in 7 d: open for 7 d, never opened."


def test_a_restart_is_an_opening_between_bars_that_touch() -> None:
    end = NOW - 3 * DAY
    shown = strip(life(1, SINCE + DAY, end), life(2, end + SECOND, None))
    assert len(bars(shown, "life-opened")) == 2
    assert words(shown).endswith("opened 2 times, 1 restart.")


@pytest.mark.parametrize(
    ("program", "after", "said"),
    [
        (PROGRAM, 59 * SECOND, "opened 2 times, 1 restart."),
        (PROGRAM, 61 * SECOND, "opened 2 times."),
        (OTHER, SECOND, "opened 2 times."),
    ],
)
def test_only_the_same_program_that_is_soon_back_was_restarted(
    program: int, after: int, said: str
) -> None:
    end = NOW - 3 * DAY
    shown = strip(life(1, SINCE + DAY, end), life(2, end + after, None, program))
    assert words(shown).endswith(said)


def test_gaps_are_hatched_and_said() -> None:
    shown = strip(life(1, SINCE, None), gaps=((SINCE, SINCE + DAY), (NOW - DAY, NOW)))
    assert bars(shown, "life-gap") == [(0.0, 14.29), (85.71, 14.29)]
    assert words(shown).endswith("watched for 5 d.")


def test_lives_at_the_same_time_are_counted_once() -> None:
    shown = strip(life(1, NOW - 2 * DAY, NOW - DAY), life(2, NOW - 2 * DAY, NOW - DAY))
    assert "open for 1 d," in words(shown)


def test_many_short_lives_become_few_bars() -> None:
    lives = [
        life(each, SINCE + each * 60 * SECOND, SINCE + each * 60 * SECOND + 1)
        for each in range(1, 5_001)
    ]
    shown = strip(*lives)
    assert 1 <= len(bars(shown, "life-same")) < 5
    assert "opened 5,000 times" in words(shown)
    assert len(html(shown)) < 2_000


def test_a_life_at_the_end_has_a_bar_within_the_strip() -> None:
    ((left, width),) = bars(strip(life(1, NOW - 1, None)), "life-this")
    assert left + width == 100


def test_what_is_left_out_is_said() -> None:
    assert words(strip(life(1, SINCE, None), cut=True)).endswith(
        "Older lives are not shown: there are too many."
    )


def test_the_words_are_the_strip_s_alternative() -> None:
    shown = strip(life(1, NOW - DAY, None))
    assert f'role="img" aria-label="{words(shown)}"' in html(shown)


def test_days_are_named_where_they_begin_and_hours_where_there_is_no_other_day() -> None:
    names = re.findall(r"<span[^>]*>([^<]*)</span>", html(strip(life(1, NOW - DAY, None))))
    assert names == ["Fri 9 Jan", "Sun", "Mon", "Tue", "Wed", "Thu", "Fri"]
    short = strip(life(1, NOW - HOUR, None), since=NOW - HOUR)
    assert re.findall(r"<span[^>]*>([^<]*)</span>", html(short)) == ["14:02"]
    month = strip(life(1, NOW - DAY, None), since=NOW - 30 * DAY)
    assert ">3 Jan<" in html(month)
