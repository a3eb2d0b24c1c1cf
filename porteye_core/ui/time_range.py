"""The time range of the page: pills on the views that use it, and the fields of a range with both
ends.

The fields are in the viewer's zone, the URL is in UTC, where it means the same to everybody. The
range stands on the views and not in the sidebar: on Now it would do nothing, and on the Listener a
chart would obey what a closed sidebar hides.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from porteye_core import filters as texts
from porteye_core import time_words
from porteye_core.errors import FilterError
from porteye_core.ui import filter_errors, url_state
from porteye_core.ui.context import viewers_zone
from porteye_core.ui.layout import is_phone

_SECOND = 1_000_000
_MINUTE = 60 * _SECOND
_HOUR, _DAY = 60 * _MINUTE, 24 * 60 * _MINUTE
_FIRST_YEAR, _LAST_YEAR = time_words.FIRST_YEAR, time_words.LAST_YEAR
# Wherever on Earth the viewer is, both years lie between these.
_EARLIEST, _LATEST = datetime(1969, 12, 31), datetime(2101, 1, 2)  # noqa: DTZ001 - the clock's


@dataclass(frozen=True, slots=True)
class Range:
    """A range up to now, of this length in microseconds; None for the whole history, and for days
    of the viewer's clock."""

    label: str
    length: int | None = None


# The keys stand in the URL.
RANGES = {
    "15m": Range("15 min", _HOUR // 4),
    "1h": Range("1 h", _HOUR),
    "24h": Range("24 h", _DAY),
    "7d": Range("7 d", 7 * _DAY),
    "30d": Range("30 d", 30 * _DAY),
    "today": Range("Today"),
    "yesterday": Range("Yesterday"),
    "all": Range("All"),
}
CUSTOM = "custom"
DEFAULT = "24h"
_LABELS = {**{name: each.label for name, each in RANGES.items()}, CUSTOM: "Custom"}
_RARE = "15m"  # a pill only while it is chosen
_RANGE, _PILLS = "range", "range_pills"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of the range in microseconds since the epoch; `length` is that of a range that
    ends now, whenever that is."""

    since: int | None = None
    until: int | None = None
    length: int | None = None


def chosen() -> Bounds:
    """The bounds of the range that pills, fields or URL say."""
    is_bounded = "since" in st.query_params or "until" in st.query_params
    url_state.start(_RANGE, _known, CUSTOM if is_bounded else _usual())
    _show_error(_RANGE)
    if st.session_state[_RANGE] != CUSTOM:
        return _bounds(st.session_state[_RANGE])
    now = time.time_ns() // 1000 // _MINUTE * _MINUTE
    since, until = start("since", now - _DAY), start("until", now)
    for name in ("since", "until"):
        _show_error(name)
    if since > until:
        filter_errors.show("“From” is later than “To”: nothing lies between them.")
    return Bounds(since, until)


def pills() -> None:
    """Draw the ranges, and the fields of a range with both ends while that is chosen."""
    name: str = st.session_state[_RANGE]
    key = _widget(_PILLS, name)
    with st.container(horizontal=True, width="content", key="range_choice"):
        st.segmented_control(
            "Time range",
            [each for each in _LABELS if each != _RARE or each == name],
            format_func=_LABELS.__getitem__,
            key=key,
            required=True,
            on_change=_choose_pill,
            args=(key,),
            label_visibility="collapsed",
            wrap=True,
        )
        # On a phone it would take a line; Custom does the same there.
        if _ends_of(name) is not None and not is_phone():
            st.button(
                "Pin this range",
                key="pin_range",
                type="tertiary",
                icon=":material/keep:",
                help="Keep both ends, so that the link shows the same range tomorrow",
                on_click=_pin,
                args=(name,),
            )
    if name == CUSTOM:
        with st.container(horizontal=True, width="content", key="custom_range"):
            for end, label in (("since", "From"), ("until", "To")):
                with st.container(width=235):
                    field(end, label)


def reach(at: int, now: int) -> None:
    """Choose a range that has this moment if the present one has not; for a callback."""
    name: str = st.session_state.get(_RANGE, DEFAULT)
    bounds = Bounds(*ends()) if name == CUSTOM else _bounds(name)
    since = now - bounds.length if bounds.length else bounds.since or 0
    if at > now or since <= at <= (bounds.until or now):
        return
    st.session_state[_RANGE] = _reaching(at, now)


def _usual() -> str:
    """The range of an address that says none: the usual one, or a longer one that has its `at`."""
    name, now = DEFAULT, time.time_ns() // 1000
    with suppress(FilterError):  # which is reported where the moment is drawn
        at = texts.time("at", st.query_params.get("at", ""))
        if at is not None and at < now - _DAY:
            name = _reaching(at, now)
    return name


def _reaching(at: int, now: int) -> str:
    """The shortest range that ends now and has this moment."""
    lengths = ((name, each.length) for name, each in RANGES.items() if name != _RARE)
    wide = (name for name, length in lengths if length is not None and now - length <= at)
    return next(wide, "all")


def _show_error(name: str) -> None:
    if said := url_state.wrong(name):
        filter_errors.show(said)


def _choose_pill(key: str) -> None:
    before, name = st.session_state[_RANGE], st.session_state[key]
    if name == CUSTOM:
        _pin(before)
    st.session_state[_RANGE] = name
    url_state.forget(_RANGE)


def _pin(name: str) -> None:
    """Go on with the ends that this range has now."""
    if pinned := _ends_of(name):
        choose(*pinned)
        st.session_state[_RANGE] = CUSTOM


def _ends_of(name: str) -> tuple[int, int] | None:
    """The ends of a range at the present minute, None for the whole history and a custom range."""
    if name == CUSTOM or RANGES[name] == RANGES["all"]:
        return None
    now = time.time_ns() // 1000 // _MINUTE * _MINUTE
    bounds = _bounds(name)
    since = now - bounds.length if bounds.length else bounds.since or 0
    return since, bounds.until or now


def _known(text: str) -> str:
    name = text.strip().lower()
    if name not in _LABELS:
        allowed = f"Use {', '.join(_LABELS)}."
        raise FilterError(_RANGE, f"“{text[:40]}” is not a range.", allowed)
    return name


def _bounds(name: str) -> Bounds:
    if name not in ("today", "yesterday"):
        return Bounds(length=RANGES[name].length)
    now, zone = time.time_ns() // 1000, viewers_zone()
    midnight = time_words.moment("today", now, zone)
    if name == "today":
        return Bounds(midnight)
    return Bounds(time_words.moment("yesterday", now, zone), midnight - 1)


def choose(since: int, until: int) -> None:
    """Say another range in both fields; for a callback, before they are drawn."""
    set_moment("since", since)
    set_moment("until", until)


def ends() -> tuple[int, int]:
    """Both ends of the custom range."""
    return st.session_state["exact_since"], st.session_state["exact_until"]


def set_moment(name: str, micros: int) -> None:
    """Say another time in the field of this name; for a callback, before the field is drawn."""
    st.session_state[f"exact_{name}"] = micros
    url_state.forget(name)


def stamp(micros: int) -> str:
    """A time as it stands in the URL, to the microsecond where it is no whole second."""
    at = datetime.fromtimestamp(micros // _SECOND, UTC)
    fraction = f".{micros % _SECOND:06}" if micros % _SECOND else ""
    return f"{at:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def start(name: str, default: int | None) -> Any:
    """The time of this name, at first that of the URL."""
    exact = f"exact_{name}"
    if exact not in st.session_state:
        st.session_state[exact] = url_state.first(name, lambda text: _parsed(name, text), default)
    return st.session_state[exact]


def field(name: str, label: str, *, is_labelled: bool = True) -> None:
    """Draw a field for the time of this name, which has been started; empty while it is None."""
    at: int | None = st.session_state[f"exact_{name}"]
    key = _widget(f"pick_{name}", None if at is None else _on_the_clock(at))
    st.datetime_input(
        label,
        value=None,
        min_value=_EARLIEST,
        max_value=_LATEST,
        key=key,
        step=60,
        persist_state="session",
        on_change=_pick,
        args=(name, key),
        label_visibility="visible" if is_labelled else "collapsed",
    )


def _widget(name: str, value: object) -> str:
    """Give a widget that is about to be drawn its value, and return its key.

    The key is a new one where the program has changed the value: a browser that is slower than the
    answer still says the old one, and that would count as the reader's.
    """
    drawn = f"{name}_widgets"
    key = f"{name}_{st.session_state.get(drawn, 0)}"
    if st.session_state.get(key, value) not in (None, value):
        st.session_state[drawn] = st.session_state.get(drawn, 0) + 1
        key = f"{name}_{st.session_state[drawn]}"
    st.session_state[key] = value
    return key


def _pick(name: str, key: str) -> None:
    # The field has no seconds, and an hour that the clock repeats is not told apart in it: only a
    # field that was changed says more than what is kept.
    given, exact = st.session_state[key], f"exact_{name}"
    url_state.forget(name)
    kept: int | None = st.session_state[exact]
    if given is not None and (kept is None or given != _on_the_clock(kept)):
        st.session_state[exact] = round(given.replace(tzinfo=viewers_zone()).timestamp() * 1e6)


def _on_the_clock(micros: int) -> datetime:
    at = datetime.fromtimestamp(micros // _SECOND, UTC).astimezone(viewers_zone())
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
