"""Times as people write them: "yesterday 03:10", "last Tue 14:00", "-2h"; pure.

- A day without a time is its beginning; a time without a day is its latest occurrence until now,
  and so is a weekday or a date without its year. "last Tue" is a Tuesday before today.
- Hours, minutes and seconds count as they pass; days and weeks keep the time of the clock.
- Of a time that the clock repeats, the first is meant, unless the zone's letters stand behind it. A
  time that the clock leaves out is an error.
- What the page shows, "Tue 24 Nov 03:10 CET = 02:10 UTC", is understood when it is pasted.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from porteye_core.errors import FilterError

MAX_LENGTH = 100  # characters
FIRST_YEAR, LAST_YEAR = 1970, 2100
_HINT = "Write a time like yesterday 03:10, last Tue 14:00, -2h or 2026-11-24 03:10."
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)
_YEARS_BACK = 8  # from one 29 February to the one before, across a year like 2100
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTH_NAMES = (
    *("january", "february", "march", "april", "may", "june", "july", "august"),
    *("september", "october", "november", "december"),
)
_DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT_NAMES = {"sept": "sep", "tues": "tue", "thur": "thu", "thurs": "thu", "weds": "wed"}
_DAYS_BACK = {"today": 0, "yesterday": 1, "day before yesterday": 2}
_NO_ZONES = ("am", "pm", "today")
_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), _SECOND),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60 * _SECOND),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600 * _SECOND),
    **dict.fromkeys(("d", "day", "days"), _DAY),
    **dict.fromkeys(("w", "week", "weeks"), 7 * _DAY),
}
_AMOUNT = re.compile(r"(?:(\d{1,9}(?:\.\d{1,6})?)\s*|an?\s+)([a-z]+)")
_CLOCK = re.compile(
    r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?\s*([ap]m)?|(\d{1,2})\s*([ap]m)"
)
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_DOTTED_DATE = re.compile(r"(\d{1,2})\.\s*(\d{1,2})\.\s*(\d{4})?")
_DAY_FIRST = re.compile(r"(\d{1,2})(?:st|nd|rd|th|\.)?\s+(?:of\s+)?([a-z]+)\.?(?:\s+(\d{4}))?")
_MONTH_FIRST = re.compile(r"([a-z]+)\.?\s+(\d{1,2})(?:st|nd|rd|th)?(?:\s+(\d{4}))?")
_SLASHED_DATE = re.compile(r"\d{1,4}/\d{1,2}(/\d{1,4})?")
_SHOWN_UTC = re.compile(r"\s*=\s*(?:\w+\s+)*\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*utc$")
_ZONE = re.compile(r"(?::\d\d(?:\.\d+)?|[ap]m)\s*(?:([a-z]{1,5})|([+-]\d\d):?(\d\d)?)$")
_TYPED = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "\u00a0": " ", "\u202f": " ", "\u2060": "", ",": " "}
)


def moment(text: str, now: int, zone: ZoneInfo, field: str = "at") -> int:
    """Convert a time in words to microseconds since the epoch; raises FilterError of this field.

    >>> moment("1970-01-01 00:00:01", 0, ZoneInfo("UTC"))
    1000000
    """
    return _Reading(text, now, zone, field).moment()


@dataclass(frozen=True, slots=True)
class _Reading:
    """A text that is read at `now` on the clock of a zone."""

    text: str
    now: int
    zone: ZoneInfo
    field: str

    def moment(self) -> int:
        if len(self.text) > MAX_LENGTH:
            raise self._error(f"The time has {len(self.text)} characters.")
        words = " ".join(self.text.translate(_TYPED).casefold().split())
        if not words.isascii():
            raise self._unknown()
        at = self._relative(words) or self._iso(words) or self._on_the_clock(words)
        if not FIRST_YEAR <= at.astimezone(UTC).year <= LAST_YEAR:
            raise self._out_of_range()
        return _micros(at)

    def _error(self, said: str, hint: str = _HINT) -> FilterError:
        return FilterError(self.field, said, hint)

    def _unknown(self) -> FilterError:
        return self._error(f"“{self.text.strip()[:40]}” is not a time.")

    def _out_of_range(self) -> FilterError:
        years = f"Use a time from {FIRST_YEAR} to {LAST_YEAR}."
        return self._error(f"“{self.text.strip()[:40]}” is out of range.", years)

    # Lengths before now.

    def _relative(self, words: str) -> datetime | None:
        if words == "now":
            return _at(self.now)
        left = words.removeprefix("-").strip().removesuffix(" ago")
        is_said = left != words
        exact, days, count = timedelta(), timedelta(), 0
        while found := _AMOUNT.match(left):
            unit = _UNITS.get(found[2])
            if unit is None and is_said:
                raise self._error(
                    f"“{found[2]}” is not a length of time.", "Use s, min, h, d or w."
                )
            if unit is None:
                return None
            try:
                length = float(found[1] or 1) * unit
            except OverflowError:
                raise self._out_of_range() from None
            exact, days = (exact, days + length) if unit >= _DAY else (exact + length, days)
            count += 1
            left = left[found.end() :].strip().removeprefix("and ").strip()
        if left or not count:
            if is_said:
                raise self._unknown()
            return None
        return self._before_now(exact, days)

    def _before_now(self, exact: timedelta, days: timedelta) -> datetime:
        try:
            at = _at(self.now)
            if days:
                on_the_clock = at.astimezone(self.zone).replace(tzinfo=None) - days
                at = _after_a_gap(on_the_clock, self.zone)
            return at - exact
        except (OverflowError, ValueError):
            raise self._out_of_range() from None

    # Times with an offset, as programs write them.

    def _iso(self, words: str) -> datetime | None:
        if not re.match(r"\d{4}-?\d{2}", words):
            return None
        try:
            at = datetime.fromisoformat(words.upper())
        except ValueError:
            return None
        return at if at.tzinfo else None

    # Days and times of the clock.

    def _on_the_clock(self, words: str) -> datetime:
        words = _SHOWN_UTC.sub("", words).replace(" at ", " ").removeprefix("at ")
        words, zone, letters = self._without_zone(words)
        day_words, clock = self._parted(words)
        today = _at(self.now).astimezone(zone).date()
        choices = self._days(day_words, today, is_timed=clock is not None)
        left_out: datetime | None = None
        for choice in choices:
            if clock is None:
                at = _after_a_gap(datetime.combine(choice.day, time()), zone)
            else:
                found = _moments(datetime.combine(choice.day, clock), zone)
                if not found:
                    left_out = left_out or datetime.combine(choice.day, clock)
                    continue
                at = self._called(found, letters)
            if not choice.is_past or _micros(at) <= self.now:
                return at
        if left_out is not None:
            said = f"On {left_out:%a %d %b %Y} the clock left out {left_out:%H:%M}"
            raise self._error(f"{said}: it was set forward.", "Use a time before or after that.")
        raise self._out_of_range()

    def _without_zone(self, words: str) -> tuple[str, tzinfo, str]:
        """The words without the zone behind them; the zone; and the letters that must name the
        moment's zone."""
        found = _ZONE.search(words)
        if found is None or found[1] in _NO_ZONES or (found[1] and _is_of_a_day(found[1])):
            return words, self.zone, ""
        before = words[: found.start(1 if found[1] else 2)].strip()
        if found[1] in ("utc", "gmt", "z"):
            return before, UTC, ""
        if found[1]:
            return before, self.zone, found[1]
        hours, minutes = int(found[2]), int(found[3] or 0)
        try:
            ahead = timedelta(hours=hours, minutes=-minutes if found[2][0] == "-" else minutes)
            return before, timezone(ahead), ""
        except ValueError:
            raise self._unknown() from None

    def _called(self, found: list[datetime], letters: str) -> datetime:
        if not letters:
            return found[0]
        for at in found:
            if _letters(at, self.zone) == letters:
                return at
        shown = found[0].astimezone(self.zone)
        said = f"The clock of {self.zone.key} is {shown:%Z} on {shown:%a %d %b %Y}"
        raise self._error(f"{said}, not {letters.upper()}.", f"Write {shown:%Z}, or UTC.")

    def _parted(self, words: str) -> tuple[str, time | None]:
        """The words for a day, and the time of day at either end of the text."""
        for word, hour in (("midnight", 0), ("noon", 12)):
            if word in words.split():
                day = " ".join(each for each in words.split() if each != word)
                return day, time(hour)
        iso = re.fullmatch(r"(\d{4}-\d{1,2}-\d{1,2})t(.+)", words)
        words = f"{iso[1]} {iso[2]}" if iso else words
        found = re.search(rf"(?:^|\s)(?:{_CLOCK.pattern})$", words)
        if found is None:
            found = re.match(rf"(?:{_CLOCK.pattern})(?:\s|$)", words)
        if found is None:
            return words, None
        day = f"{words[: found.start()]} {words[found.end() :]}".strip()
        return day.removesuffix(" at"), self._time(found)

    def _time(self, found: "re.Match[str]") -> time:
        hours, minutes, seconds, fraction, half, hour, its_half = found.groups()
        half = half or its_half
        number = int(hours or hour)
        try:
            if half:
                if not 1 <= number <= 12:
                    raise ValueError
                number = number % 12 + (12 if half == "pm" else 0)
            micros = int((fraction or "0").ljust(6, "0"))
            return time(number, int(minutes or 0), int(seconds or 0), micros)
        except ValueError:
            said = f"“{found[0].strip()}” is not a time of the day."
            raise self._error(said, "The clock goes from 00:00 to 23:59.") from None

    def _days(self, words: str, today: date, *, is_timed: bool) -> "Iterator[_Choice]":
        """The days that the words can mean, the likeliest first."""
        if not words and is_timed:
            # As many as a zone ever left a time of the clock out, one day after the other.
            return (_Choice(today - back * _DAY, is_past=True) for back in range(3))
        if words in _DAYS_BACK:
            return iter([_Choice(today - _DAYS_BACK[words] * _DAY)])
        first, _, rest = words.partition(" ")
        if (weekday := _weekday(first)) is not None and rest:
            return self._dates(rest, today, weekday)
        weekday = _weekday(words.removeprefix("last ").removeprefix("on "))
        if weekday is None:
            return self._dates(words, today)
        back = (today.weekday() - weekday) % 7
        if words.startswith("last "):
            return iter([_Choice(today - (back or 7) * _DAY)])
        return (_Choice(today - (back + 7 * weeks) * _DAY, is_past=True) for weeks in range(2))

    def _dates(self, words: str, today: date, weekday: int | None = None) -> "Iterator[_Choice]":
        """The date, or that of each year until now; on this weekday, if one is given."""
        year, month, day = self._date(words)
        years = (
            range(year, year + 1)
            if year is not None
            else range(today.year, today.year - _YEARS_BACK - 1, -1)
        )
        found = [each for each in (_date(one, month, day) for one in years) if each]
        if not found:
            raise self._error(f"“{words}” is not a day of the calendar.")
        fitting = [each for each in found if weekday is None or each.weekday() == weekday]
        if not fitting:
            shown = found[0]
            said = f"{shown.day} {_MONTHS[shown.month - 1].title()} {shown.year} is no"
            raise self._error(f"{said} {_DAY_NAMES[weekday or 0].title()}.", f"It is a {shown:%A}.")
        return (_Choice(each, is_past=year is None) for each in fitting)

    def _date(self, words: str) -> tuple[int | None, int, int]:
        """Year, month and day; the year is None if there is none."""
        if found := _ISO_DATE.fullmatch(words):
            return int(found[1]), int(found[2]), int(found[3])
        if found := _DOTTED_DATE.fullmatch(words):
            return _year(found[3]), int(found[2]), int(found[1])
        if _SLASHED_DATE.fullmatch(words):
            said = f"“{words}” can be read as day/month or as month/day."
            raise self._error(said, "Write 24.11., Nov 24 or 2026-11-24.")
        for pattern, month, day in ((_DAY_FIRST, 2, 1), (_MONTH_FIRST, 1, 2)):
            found = pattern.fullmatch(words)
            if found and (number := _month(found[month])):
                return _year(found[3]), number, int(found[day])
        raise self._unknown()


@dataclass(frozen=True, slots=True)
class _Choice:
    """A day that words can mean; is_past: only if its moment is not after now."""

    day: date
    is_past: bool = False


def _is_of_a_day(word: str) -> bool:
    """True if the word is a weekday or a month."""
    return _weekday(word) is not None or _month(word) > 0


def _weekday(word: str) -> int | None:
    return _place(word.rstrip("."), _DAYS, _DAY_NAMES)


def _month(word: str) -> int:
    """The number of a month, 0 if the word is none."""
    place = _place(word.rstrip("."), _MONTHS, _MONTH_NAMES)
    return 0 if place is None else place + 1


def _place(word: str, short: tuple[str, ...], long: tuple[str, ...]) -> int | None:
    word = _SHORT_NAMES.get(word, word)
    for names in (short, long):
        if word in names:
            return names.index(word)
    return None


def _year(digits: str | None) -> int | None:
    return None if digits is None else int(digits)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _at(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _letters(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Z}".casefold()


def _moments(on_the_clock: datetime, zone: tzinfo) -> list[datetime]:
    """The moments at which the clock of a zone says so: one, two where the clock is set back, none
    where it is set forward."""
    both = (on_the_clock.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    said = [each for each in both if each.astimezone(zone).replace(tzinfo=None) == on_the_clock]
    return sorted(set(said))


def _after_a_gap(on_the_clock: datetime, zone: tzinfo) -> datetime:
    """The first moment at which the clock says so; one that it leaves out is as much later as it
    was set forward."""
    return on_the_clock.replace(tzinfo=zone).astimezone(UTC)
