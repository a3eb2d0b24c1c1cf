"""Times and lengths as a person says them; nothing here knows of a page."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_UNITS = (("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


def moment(micros: int, now: int, zone: ZoneInfo) -> str:
    """A time in a zone, as short as it can be said at `now`.

    >>> moment(0, 60_000_000, ZoneInfo("UTC"))
    'today 00:00'
    """
    at, today = clock(micros, zone), clock(now, zone).date()
    if at.date() == today:
        return f"today {at:%H:%M}"
    if at.date() == today - timedelta(days=1):
        return f"yesterday {at:%H:%M}"
    week = today - timedelta(days=6) <= at.date() < today
    return f"{at:%A %H:%M}" if week else f"{at:%Y-%m-%d %H:%M}"


def clock(micros: int, zone: ZoneInfo) -> datetime:
    """The time in a zone."""
    return (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)).astimezone(zone)


def utc(micros: int) -> str:
    """The exact time, the same for everybody.

    >>> utc(1_500_000)
    '1970-01-01 00:00:01.500000 UTC'
    """
    return f"{clock(micros, ZoneInfo('UTC')):%Y-%m-%d %H:%M:%S.%f} UTC"


def length(micros: int) -> str:
    """How long, in its largest unit.

    >>> length(7_500_000_000)
    '2 hours'
    """
    seconds = micros / 1_000_000
    for unit, size in _UNITS:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{micros / 1000:.3g} ms" if micros >= 1000 else "less than a millisecond"


def ago(micros: int, now: int) -> str:
    """How long before now.

    >>> ago(0, 90_000_000)
    '1 minute ago'
    """
    return "just now" if now - micros < 2_000_000 else f"{length(now - micros)} ago"
