"""The cursor and what is shown of it, in the session and in the URL.

`at` is the moment, `versus` another one that it is compared with, `around` the minutes before and
after it in which changes are shown. Without `at` the cursor is at the newest change.
"""

from dataclasses import dataclass

import streamlit as st

from porteye_core.errors import FilterError
from porteye_core.ui import time_range, url_state

AROUND = 10  # minutes
_MAX_AROUND = 24 * 60
_AT, _VERSUS, _AROUND = "exact_at", "exact_versus", "around"


@dataclass(frozen=True, slots=True)
class Cursor:
    """at: microseconds since the epoch, None for the newest change; versus: None where nothing is
    compared; around: minutes, 0 where only the moment is shown."""

    at: int | None
    versus: int | None
    around: int


def cursor() -> Cursor:
    """The cursor that session or URL say."""
    at, versus = time_range.start("at", None), time_range.start("versus", None)
    url_state.start(_AROUND, _minutes, 0)
    return Cursor(at, versus, 0 if versus is not None else st.session_state[_AROUND])


def set_at(at: int) -> None:
    """Move the cursor; for a callback."""
    time_range.set_moment("at", at)


def show(*, versus: int | None = None, around: int = 0) -> None:
    """Show the changes to another moment or around the cursor, else what listened at it."""
    st.session_state[_VERSUS] = versus
    st.session_state[_AROUND] = around
    url_state.forget("versus")
    url_state.forget(_AROUND)


def parameters() -> dict[str, str]:
    """The parameters of the URL for what the session shows."""
    kept = st.session_state
    stamps = {
        name: time_range.stamp(kept[key])
        for name, key in (("at", _AT), ("versus", _VERSUS))
        if kept.get(key) is not None
    }
    if kept.get(_AROUND) and "versus" not in stamps:
        stamps[_AROUND] = str(kept[_AROUND])
    return stamps


def write() -> None:
    """Say in the address what the session shows."""
    before = st.query_params.to_dict()
    names = ("at", "versus", _AROUND)
    after = {name: text for name, text in before.items() if name not in names} | parameters()
    if after != before:
        st.query_params.from_dict(after)
        url_state.note_written()


def _minutes(text: str) -> int:
    digits = text.strip()
    known = digits.isascii() and digits.isdecimal() and len(digits) < 6
    if not (known and 1 <= int(digits) <= _MAX_AROUND):
        said = f"“{text[:40]}” is not a number of minutes."
        raise FilterError(_AROUND, said, f"Use 1 to {_MAX_AROUND}.")
    return int(digits)
