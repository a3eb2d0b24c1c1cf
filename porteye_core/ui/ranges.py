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
