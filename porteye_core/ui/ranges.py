"""Time ranges that a page offers, and the times that they stand for."""

from dataclasses import dataclass

_HOUR = 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Range:
    """A range up to now; `length` in microseconds, None for the whole history."""

    label: str
    length: int | None


# The keys stand in the URL.
RANGES = {
    "15m": Range("Last 15 minutes", _HOUR // 4),
    "1h": Range("Last hour", _HOUR),
    "24h": Range("Last 24 hours", 24 * _HOUR),
    "7d": Range("Last 7 days", 7 * 24 * _HOUR),
    "30d": Range("Last 30 days", 30 * 24 * _HOUR),
    "all": Range("Everything recorded", None),
}
CUSTOM = "custom"
DEFAULT = "24h"

_BUCKETS = {
    "second": 1,
    "10 seconds": 10,
    "minute": 60,
    "5 minutes": 300,
    "15 minutes": 900,
    "hour": 3600,
    "6 hours": 6 * 3600,
    "day": 86400,
    "week": 7 * 86400,
}
_MOST_BUCKETS = 240  # more bars than that are narrower than 4 pixels


def bucket(length: int) -> tuple[str, int]:
    """The shortest bucket that divides a range into few enough, by name and in microseconds.

    >>> bucket(60 * 60 * 1_000_000)
    ('minute', 60000000)
    """
    for name, seconds in _BUCKETS.items():
        if length / (seconds * 1_000_000) <= _MOST_BUCKETS:
            return name, seconds * 1_000_000
    return "30 days", 30 * 86400 * 1_000_000
