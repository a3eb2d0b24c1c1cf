"""Parser of durations and sizes on a command line."""

import re

from porteye_core.errors import ConfigError

_HOUR = 3600 * 1_000_000
_UNITS = {"h": _HOUR, "d": 24 * _HOUR, "w": 7 * 24 * _HOUR, "y": 365 * 24 * _HOUR}
_SIZES = {"mb": 10**6, "gb": 10**9, "tb": 10**12}
# In a smaller file most of the space is what SQLite itself reuses.
_MIN_SIZE = 10 * 10**6


def duration(name: str, text: str) -> int | None:
    """Parse a duration to microseconds; None for "forever".

    >>> duration("--keep-samples", "7d") == 7 * 86400 * 1_000_000
    True

    Raises ConfigError, which begins with the name.
    """
    if text.strip().lower() == "forever":
        return None
    value = _number(name, text, _UNITS, "a duration like 12h, 30d, 8w, 1y, or forever")
    if value < _HOUR:
        raise ConfigError(f"{name} {text} is too short.", "Give at least 1h.")
    return value


def size(name: str, text: str) -> int:
    """Parse a size to bytes; a megabyte has 1,000,000.

    >>> size("--max-size", "1.5GB")
    1500000000

    Raises ConfigError, which begins with the name.
    """
    value = _number(name, text, _SIZES, "a size like 500MB, 2GB or 1TB")
    if value < _MIN_SIZE:
        raise ConfigError(f"{name} {text} is too small.", "Give at least 10MB.")
    return value


def _number(name: str, text: str, units: dict[str, int], expected: str) -> int:
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,3})?) ?([a-z]+)", text.strip().lower())
    if found is None or found[2] not in units:
        raise ConfigError(f"{name} {text} cannot be read.", f"Give {expected}.")
    return round(float(found[1]) * units[found[2]])
