"""Times of the page, and the words for them that it shares with the command."""

from html import escape

from porteye_core.spoken_times import ago, clock, dated, length, moment, rough_length, up, utc
from porteye_core.ui.context import local
from porteye_core.ui.markdown import literal

__all__ = [
    "ago",
    "clock",
    "dated",
    "hover",
    "length",
    "moment",
    "plain",
    "rough_length",
    "up",
    "utc",
]


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
