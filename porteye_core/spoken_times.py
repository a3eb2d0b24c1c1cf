"""Times and lengths as people read them; pure."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))
_ROUGH_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


def moment(micros: int, now: int, zone: ZoneInfo) -> str:
    """A time in a zone, as short as it can be said at `now`; a weekday never stands alone.

    >>> moment(0, 60_000_000, ZoneInfo("UTC"))
    'today 00:00'
    >>> moment(0, 2 * 86_400_000_000, ZoneInfo("UTC"))
    'Thu 1 Jan 00:00'
    """
    at, today = clock(micros, zone), clock(now, zone).date()
    if at.date() == today:
        return f"today {at:%H:%M}"
    if at.date() == today - timedelta(days=1):
        return f"yesterday {at:%H:%M}"
    return f"{_day(at, today)} {at:%H:%M}"


def dated(micros: int, now: int, zone: ZoneInfo) -> str:
    """A time with its weekday and its UTC time, with seconds and the year where they matter.

    >>> dated(1_795_486_200_000_000, 1_795_868_551_000_000, ZoneInfo("Europe/Berlin"))
    'Tue 24 Nov 03:10 CET = 02:10 UTC'
    """
    at, there = clock(micros, zone), clock(micros, ZoneInfo("UTC"))
    of_day = "%H:%M:%S" if at.second or at.microsecond else "%H:%M"
    said = f"{_day(at, clock(now, zone).date())} {at.strftime(of_day)} {at:%Z}"
    if at.utcoffset() == timedelta():
        return said
    day = "" if at.date() == there.date() else f"{there:%a} {there.day} {there:%b} "
    return f"{said} = {day}{there.strftime(of_day)} UTC"


def _day(at: datetime, today: date) -> str:
    """A day with its weekday, and with its year if that is not today's."""
    year = "" if at.year == today.year else f" {at.year}"
    return f"{at:%a} {at.day} {at:%b}{year}"


def clock(micros: int, zone: ZoneInfo) -> datetime:
    """The time in a zone."""
    return (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)).astimezone(zone)


def utc(micros: int) -> str:
    """A time to the microsecond.

    >>> utc(1_000_000)
    '1970-01-01 00:00:01.000000 UTC'
    """
    seconds, rest = divmod(micros, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest:06} UTC"


def second(micros: int) -> str:
    """A time to the second.

    >>> second(1_999_999)
    '1970-01-01 00:00:01 UTC'
    """
    return f"{datetime.fromtimestamp(micros // 1_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def length(micros: int) -> str:
    """A length in its two largest units.

    >>> length(93_784_000_000), length(61_000_000), length(1_500_000), length(900)
    ('1 d 2 h', '1 min 1 s', '1.5 s', '0 s')
    """
    if micros < 10_000_000:
        return f"{round(micros / 1e6, 1):g} s"
    left = round(micros / 1e6)
    words: list[str] = []
    for name, seconds in (*_UNITS, ("s", 1)):
        count, left = divmod(left, seconds)
        words += [f"{count:,} {name}"] if count or words else []
    return " ".join(word for word in words[:2] if not word.startswith("0 "))


def rough_length(micros: int) -> str:
    """A length in its largest unit.

    >>> rough_length(7_500_000_000)
    '2 hours'
    """
    seconds = micros / 1_000_000
    for unit, size in _ROUGH_UNITS:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{micros / 1000:.3g} ms" if micros >= 1000 else "less than a millisecond"


def ago(micros: int, now: int) -> str:
    """The length before now.

    >>> ago(0, 90_000_000)
    '1 minute ago'
    """
    return "just now" if now - micros < 2_000_000 else f"{rough_length(now - micros)} ago"


def up(opened_at: int, opened_seen: str, began_watching: int, now: int) -> str:
    """The time for which a listener has been open, with “≥” if it opened unwatched.

    opened_seen: the precision of its opening. began_watching: the start of the watch that saw it.

    >>> up(0, "kernel", 0, 300_000_000_000), up(0, "gap", 0, 480_000_000)
    ('3 d', '≥ 8 min')
    """
    seconds = max(0, now - opened_at) // 1_000_000
    count = f"{seconds} s"
    for unit, size in _UNITS:
        if seconds >= size:
            count = f"{seconds // size:,} {unit}"
            break
    return f"≥ {count}" if opened_seen == "gap" or opened_at < began_watching else count
