"""The time ranges that the page offers, and the fields of a range with both ends.

The fields are in the viewer's zone, the URL is in UTC, where it means the same to everybody.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st

from porteye_core import filters as texts
from porteye_core.errors import FilterError
from porteye_core.ui import filter_errors, url_state
from porteye_core.ui.context import viewers_zone

_MINUTE = 60 * 1_000_000
_HOUR, _DAY = 60 * _MINUTE, 24 * 60 * _MINUTE
_FIRST_YEAR, _LAST_YEAR = 1970, 2100
# Wherever on Earth the viewer is, both years lie between these.
_EARLIEST, _LATEST = datetime(1969, 12, 31), datetime(2101, 1, 2)  # noqa: DTZ001 - the clock's


@dataclass(frozen=True, slots=True)
class Range:
    """A range up to now; `length` in microseconds, None for the whole history."""

    label: str
    length: int | None


# The keys stand in the URL.
RANGES = {
    "15m": Range("Last 15 minutes", _HOUR // 4),
    "1h": Range("Last hour", _HOUR),
    "24h": Range("Last 24 hours", _DAY),
    "7d": Range("Last 7 days", 7 * _DAY),
    "30d": Range("Last 30 days", 30 * _DAY),
    "all": Range("Everything recorded", None),
}
CUSTOM = "custom"
DEFAULT = "24h"


def draw() -> tuple[int, int]:
    """Draw both fields and return what they say, in microseconds since the epoch."""
    now = time.time_ns() // 1000 // _MINUTE * _MINUTE
    since = moment("since", "From", now - _DAY)
    until = moment("until", "To", now)
    if since > until:
        filter_errors.show("“From” is later than “To”: nothing lies between them.")
    return since, until


def choose(since: int, until: int) -> None:
    """Say another range in both fields; for a callback, before they are drawn."""
    set_moment("since", since)
    set_moment("until", until)


def said() -> tuple[int, int]:
    """The range that the fields said last."""
    return st.session_state["exact_since"], st.session_state["exact_until"]


def set_moment(name: str, micros: int) -> None:
    """Say another time in the field of this name; for a callback, before the field is drawn."""
    st.session_state[f"exact_{name}"] = micros
    st.session_state[f"pick_{name}"] = _on_the_clock(micros)
    url_state.forget(name)


def stamp(micros: int) -> str:
    """A time as it stands in the URL."""
    at = datetime.fromtimestamp(micros // 1_000_000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def moment(name: str, label: str, default: int) -> int:
    """Draw a field for a time that the address keeps under this name, and return what it says, in
    microseconds since the epoch."""
    exact = f"exact_{name}"
    if exact not in st.session_state:
        st.session_state[exact] = url_state.first(name, lambda text: _parsed(name, text), default)
    kept: int = st.session_state[exact]
    shown = _on_the_clock(kept)
    key = f"pick_{name}"
    if key not in st.session_state:
        st.session_state[key] = shown
    given = st.datetime_input(
        label,
        min_value=_EARLIEST,
        max_value=_LATEST,
        key=key,
        step=60,
        persist_state="session",
        on_change=url_state.forget,
        args=(name,),
    )
    if wrong := url_state.wrong(name):
        filter_errors.show(f"{wrong} The address was not followed.")
    # The field has no seconds, and an hour that the clock repeats is not told apart in it: only a
    # field that was changed says more than what is kept.
    if given is not None and given != shown:
        st.session_state[exact] = round(given.replace(tzinfo=viewers_zone()).timestamp() * 1e6)
    micros: int = st.session_state[exact]
    return micros


def _on_the_clock(micros: int) -> datetime:
    at = datetime.fromtimestamp(micros // 1_000_000, UTC).astimezone(viewers_zone())
    return at.replace(second=0, tzinfo=None, fold=0)


def _parsed(name: str, text: str) -> int:
    at = texts.time(name, text)
    earliest, latest = (
        round(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1e6)
        for year in (_FIRST_YEAR, _LAST_YEAR + 1)
    )
    if at is None or not earliest <= at < latest:
        raise FilterError(
            name,
            f"“{text[:40]}” is out of range.",
            f"Use a time from {_FIRST_YEAR} to {_LAST_YEAR}.",
        )
    return at
