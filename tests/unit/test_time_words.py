"""Times as people write them, on several clocks."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from porteye_core.errors import FilterError
from porteye_core.time_words import MAX_LENGTH, moment

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
KATHMANDU, AUCKLAND, CAIRO = "Asia/Kathmandu", "Pacific/Auckland", "Africa/Cairo"
ZONES = ("UTC", BERLIN, NEW_YORK, KATHMANDU, AUCKLAND, "America/Sao_Paulo", "Pacific/Apia")
SATURDAY = "2026-11-28T12:30:00Z"  # 13:30 in Berlin, 07:30 in New York


def micros(iso: str) -> int:
    at = datetime.fromisoformat(iso)
    assert at.tzinfo
    return round(at.timestamp() * 1e6)


SATURDAY_TEXTS = {
    "now": "2026-11-28T12:30Z",
    " NOW ": "2026-11-28T12:30Z",
    "yesterday 03:10": "2026-11-27T02:10Z",
    "Yesterday, 3:10": "2026-11-27T02:10Z",
    "yesterday at 03:10": "2026-11-27T02:10Z",
    "03:10 yesterday": "2026-11-27T02:10Z",
    "at 03:10 yesterday": "2026-11-27T02:10Z",
    "yesterday": "2026-11-26T23:00Z",
    "yesterday noon": "2026-11-27T11:00Z",
    "day before yesterday 3 pm": "2026-11-26T14:00Z",
    "today 9:00": "2026-11-28T08:00Z",
    "today": "2026-11-27T23:00Z",
    "today 23:00": "2026-11-28T22:00Z",
    "midnight": "2026-11-27T23:00Z",
    "03:10": "2026-11-28T02:10Z",
    "3:10": "2026-11-28T02:10Z",
    "3:10 am": "2026-11-28T02:10Z",
    "3:10PM": "2026-11-27T14:10Z",
    "3am": "2026-11-28T02:00Z",
    "12 am": "2026-11-27T23:00Z",
    "12pm": "2026-11-28T11:00Z",
    "13:30": "2026-11-28T12:30Z",
    "13:31": "2026-11-27T12:31Z",
    "03:10:59": "2026-11-28T02:10:59Z",
    "03:10:59.25": "2026-11-28T02:10:59.25Z",
    "last Tue 14:00": "2026-11-24T13:00Z",
    "Last Tuesday 14:00": "2026-11-24T13:00Z",
    "last Tuesday at 14:00": "2026-11-24T13:00Z",
    "03:10 last Tuesday": "2026-11-24T02:10Z",
    "Tue 03:10": "2026-11-24T02:10Z",
    "tue. 03:10": "2026-11-24T02:10Z",
    "on Tue 03:10": "2026-11-24T02:10Z",
    "Tues": "2026-11-23T23:00Z",
    "Sat 03:10": "2026-11-28T02:10Z",
    "Sat 14:00": "2026-11-21T13:00Z",
    "last Sat 03:10": "2026-11-21T02:10Z",
    "sunday 00:00": "2026-11-21T23:00Z",
    "-2h": "2026-11-28T10:30Z",
    "−2 h": "2026-11-28T10:30Z",
    "– 2 h": "2026-11-28T10:30Z",
    "2h": "2026-11-28T10:30Z",
    "2 hours ago": "2026-11-28T10:30Z",
    "an hour ago": "2026-11-28T11:30Z",
    "90 min ago": "2026-11-28T11:00Z",
    "90m": "2026-11-28T11:00Z",
    "1.5h ago": "2026-11-28T11:00Z",
    "1h30m ago": "2026-11-28T11:00Z",
    "1 hour and 30 minutes ago": "2026-11-28T11:00Z",
    "-1h 30m": "2026-11-28T11:00Z",
    "-45 s": "2026-11-28T12:29:15Z",
    "0 min ago": "2026-11-28T12:30Z",
    "2 days ago": "2026-11-26T12:30Z",
    "-1w": "2026-11-21T12:30Z",
    "-1d2h": "2026-11-27T10:30Z",
    "5 weeks ago": "2026-10-24T11:30Z",  # the same time of the clock, which was an hour ahead
    "-840h": "2026-10-24T12:30Z",  # as many hours, as they pass
    "Nov 24 03:10": "2026-11-24T02:10Z",
    "24 Nov 03:10": "2026-11-24T02:10Z",
    "24th of November 03:10": "2026-11-24T02:10Z",
    "November 24th, 03:10": "2026-11-24T02:10Z",
    "Nov 24, 2025, 03:10": "2025-11-24T02:10Z",
    "24 november 2025": "2025-11-23T23:00Z",
    "Sept 3 10:00": "2026-09-03T08:00Z",
    "24.11. 03:10": "2026-11-24T02:10Z",
    "24.11.2026 03:10": "2026-11-24T02:10Z",
    "24. Nov 03:10": "2026-11-24T02:10Z",
    "1.12. 03:10": "2025-12-01T02:10Z",
    "Dec 31 23:59": "2025-12-31T22:59Z",
    "Feb 29 12:00": "2024-02-29T11:00Z",
    "2026-11-24 03:10": "2026-11-24T02:10Z",
    "2026-11-24T03:10": "2026-11-24T02:10Z",
    "2026-11-24 03:10:05": "2026-11-24T02:10:05Z",
    "2026-11-24": "2026-11-23T23:00Z",
    "2026-07-01 03:10": "2026-07-01T01:10Z",
    "03:10 2026-11-24": "2026-11-24T02:10Z",
    "2026-11-24T03:10:00Z": "2026-11-24T03:10Z",
    "2026-11-24T03:10:00+05:30": "2026-11-23T21:40Z",
    "2026-11-24 03:10:00.000001+00:00": "2026-11-24T03:10:00.000001Z",
    "2026-11-24 03:10 +05:30": "2026-11-23T21:40Z",
    "20261124T031000Z": "2026-11-24T03:10Z",
    "2026-11-24 03:10 UTC": "2026-11-24T03:10Z",
    "03:10 UTC": "2026-11-28T03:10Z",
    "Tue 03:10z": "2026-11-24T03:10Z",
    "Tue 24 Nov 03:10": "2026-11-24T02:10Z",
    "Tue 24 Nov 03:10 CET = 02:10 UTC": "2026-11-24T02:10Z",
    "Tue 24 Nov 2026 03:10:05 CET = 02:10:05 UTC": "2026-11-24T02:10:05Z",
    "Sun 22 Nov 00:10 CET = Sat 21 Nov 23:10 UTC": "2026-11-21T23:10Z",
    "25 Oct 2026 02:30": "2026-10-25T00:30Z",
    "25 Oct 2026 02:30 CEST": "2026-10-25T00:30Z",
    "25 Oct 2026 02:30 CET": "2026-10-25T01:30Z",
    "29 Mar 2026 03:00": "2026-03-29T01:00Z",
    "2026-12-24 18:00": "2026-12-24T17:00Z",  # to come: the page says so
}


@pytest.mark.parametrize(("text", "wanted"), SATURDAY_TEXTS.items(), ids=list(SATURDAY_TEXTS))
def test_a_time_is_understood_on_a_saturday_in_berlin(text: str, wanted: str) -> None:
    assert moment(text, micros(SATURDAY), ZoneInfo(BERLIN)) == micros(wanted)


ELSEWHERE = [
    ("yesterday 03:10", SATURDAY, NEW_YORK, "2026-11-27T08:10Z"),
    ("03:10", SATURDAY, NEW_YORK, "2026-11-28T08:10Z"),
    ("03:10 EST", SATURDAY, NEW_YORK, "2026-11-28T08:10Z"),
    ("1 Nov 2026 01:30", SATURDAY, NEW_YORK, "2026-11-01T05:30Z"),
    ("1 Nov 2026 01:30 EST", SATURDAY, NEW_YORK, "2026-11-01T06:30Z"),
    ("Tue 03:10", SATURDAY, KATHMANDU, "2026-11-23T21:25Z"),
    ("Tue 03:10 +0545", SATURDAY, KATHMANDU, "2026-11-23T21:25Z"),
    ("today", SATURDAY, AUCKLAND, "2026-11-28T11:00Z"),  # it is Sunday there already
    ("yesterday 14:00", SATURDAY, AUCKLAND, "2026-11-28T01:00Z"),
    ("Sat 14:00", SATURDAY, AUCKLAND, "2026-11-28T01:00Z"),
    # The year has just begun.
    ("Dec 31 23:00", "2027-01-01T00:30:00Z", "UTC", "2026-12-31T23:00Z"),
    ("yesterday 23:00", "2027-01-01T00:30:00Z", "UTC", "2026-12-31T23:00Z"),
    ("Jan 1 00:10", "2027-01-01T00:30:00Z", "UTC", "2027-01-01T00:10Z"),
    ("Jan 1 00:40", "2027-01-01T00:30:00Z", "UTC", "2026-01-01T00:40Z"),
    ("-2h", "2027-01-01T00:30:00Z", "UTC", "2026-12-31T22:30Z"),
    ("last Thu 12:00", "2027-01-01T00:30:00Z", "UTC", "2026-12-31T12:00Z"),
    # Days on which the clock is set: 30 October 2026 in Cairo at midnight, in Berlin in March.
    ("2 days ago", "2026-10-26T12:00:00Z", BERLIN, "2026-10-24T11:00Z"),
    ("48 hours ago", "2026-10-26T12:00:00Z", BERLIN, "2026-10-24T12:00Z"),
    ("02:30", "2026-03-29T12:00:00Z", BERLIN, "2026-03-28T01:30Z"),  # left out today
    ("Sun 02:30", "2026-03-29T12:00:00Z", BERLIN, "2026-03-22T01:30Z"),
    ("1 day ago", "2026-03-30T00:30:00Z", BERLIN, "2026-03-29T01:30Z"),
    ("2026-04-24", SATURDAY, CAIRO, "2026-04-23T22:00Z"),  # there is no midnight
    ("02:30", "2026-10-25T01:45:00Z", BERLIN, "2026-10-25T00:30Z"),
]


@pytest.mark.parametrize(("text", "now", "zone", "wanted"), ELSEWHERE)
def test_a_time_is_understood_on_other_days_and_clocks(
    text: str, now: str, zone: str, wanted: str
) -> None:
    assert moment(text, micros(now), ZoneInfo(zone)) == micros(wanted)


WRONG = {
    "": "is not a time",
    "   ": "is not a time",
    "soon": "“soon” is not a time",
    "tomorrow 10:00": "is not a time",
    "+2h": "is not a time",
    "-90": "is not a time",
    "-2 fortnights": "“fortnights” is not a length of time",
    "2 parsecs ago": "“parsecs” is not a length of time",
    "25:00": "“25:00” is not a time of the day",
    "03:61": "is not a time of the day",
    "13 pm": "is not a time of the day",
    "32.11. 03:10": "is not a day of the calendar",
    "Feb 30": "is not a day of the calendar",
    "2026-13-01": "is not a day of the calendar",
    "11/24 03:10": "can be read as day/month or as month/day",
    "Mon 24 Nov 2026 03:10": "24 Nov 2026 is no Monday. It is a Tuesday",
    "29 Mar 2026 02:30": "the clock left out 02:30",
    "Nov 24 03:10 XYZ": "is CET on Tue 24 Nov 2026, not XYZ",
    "1 Jul 2026 03:10 CET": "is CEST on Wed 01 Jul 2026, not CET",
    "03:10 +99:00": "is not a time",
    "1969-12-31 00:00": "out of range",
    "9999-01-01 00:00": "out of range",
    "0000-01-01": "is not a day of the calendar",
    "999999999 weeks ago": "out of range",
    "-99999h": "",
    "a" * 101: "has 101 characters",
    "٣:١٠": "is not a time",
    "<b>03:10</b>": "is not a time",
    "\x00": "is not a time",
}


@pytest.mark.parametrize(("text", "said"), WRONG.items(), ids=[repr(each) for each in WRONG])
def test_what_is_no_time_is_told_with_what_to_write(text: str, said: str) -> None:
    if not said:
        assert moment(text, micros(SATURDAY), ZoneInfo(BERLIN)) < micros(SATURDAY)
        return
    with pytest.raises(FilterError) as refused:
        moment(text, micros(SATURDAY), ZoneInfo(BERLIN), "versus")
    assert said in str(refused.value)
    assert refused.value.field == "versus"
    assert refused.value.hint


@given(st.text(max_size=MAX_LENGTH + 1), st.sampled_from(ZONES))
def test_any_text_is_a_time_or_an_error(text: str, zone: str) -> None:
    with suppress(FilterError):
        moment(text, micros(SATURDAY), ZoneInfo(zone))


VOCABULARY = """
last on at - ago 2 3.5 h min d week Tue monday today yesterday noon 03:10 3pm Nov 24th 24. of 2026
2026-11-24 11. UTC CET +01:00 = now and an 99 00:00:00.5 Feb 29
"""
WORDS = st.lists(
    st.sampled_from(re.findall(r"\S+", VOCABULARY)),
    max_size=6,
)


@given(WORDS, st.sampled_from(ZONES))
def test_any_words_are_a_time_or_an_error(words: list[str], zone: str) -> None:
    with suppress(FilterError):
        moment(" ".join(words), micros(SATURDAY), ZoneInfo(zone))


SECONDS = st.integers(0, micros("2100-12-31T00:00:00Z") // 1_000_000)
FORMS = (
    "%a %d %b %Y %H:%M:%S {}",
    "%Y-%m-%d %H:%M:%S {}",
    "%d.%m.%Y %H:%M:%S {}",
    "%A %B %d %Y %I:%M:%S %p {}",
)


@given(SECONDS, st.sampled_from(ZONES), st.sampled_from(FORMS))
def test_a_time_that_is_written_out_with_its_zone_is_read_back(
    second: int, zone: str, form: str
) -> None:
    at = datetime.fromtimestamp(second, UTC).astimezone(ZoneInfo(zone))
    assume(at.utcoffset() is not None and at.utcoffset().seconds % 60 == 0)  # type: ignore[union-attr]
    text = at.strftime(form.format("%z"))
    assert moment(text, micros(SATURDAY), ZoneInfo(zone)) == second * 1_000_000


@given(st.integers(0, 365 * 86_400), st.integers(0, 100 * 365 * 86_400), st.sampled_from(ZONES))
def test_a_length_before_now_is_as_long_as_it_says(length: int, now: int, zone: str) -> None:
    assume(now - length > 86_400)
    assert moment(f"{length} s ago", now * 1_000_000, ZoneInfo(zone)) == (now - length) * 1_000_000


@given(SECONDS, st.integers(0, 86_399), st.sampled_from(ZONES))
def test_a_time_of_the_clock_is_its_latest_occurrence(second: int, of_day: int, zone: str) -> None:
    assume(second > 10 * 86_400)
    clock = timedelta(seconds=of_day)
    at = moment(str(clock), second * 1_000_000, ZoneInfo(zone)) // 1_000_000
    assert second - 3 * 86_400 < at <= second
    shown = datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(zone))
    assert f"{shown:%H:%M:%S}".removeprefix("0") == str(clock)
