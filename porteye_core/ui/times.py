"""Times as people read them: the viewer's own zone, with the exact UTC time beside or behind it."""

from datetime import UTC, datetime
from html import escape

from porteye_core.ui.context import local
from porteye_core.ui.markdown import literal

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


def utc(micros: int) -> str:
    """A time to the microsecond.

    >>> utc(1_000_000)
    '1970-01-01 00:00:01.000000 UTC'
    """
    seconds, rest = divmod(micros, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest:06} UTC"


def hover(micros: int) -> str:
    """A time whose exact UTC time appears under the pointer, as HTML."""
    exact = utc(micros)
    machine = exact.removesuffix(" UTC").replace(" ", "T") + "Z"
    return f'<time datetime="{machine}" title="{exact}">{escape(local(micros))}</time>'


def plain(micros: int) -> str:
    """A time with its UTC time in brackets, where a text can have nothing behind it."""
    shown = local(micros)
    seconds = utc(micros)[:19]
    return literal(shown if shown.endswith(" UTC") else f"{shown} ({seconds} UTC)")


def length(micros: int) -> str:
    """How long something took, in its two largest units.

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
