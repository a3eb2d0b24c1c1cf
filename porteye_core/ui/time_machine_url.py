"""The moments of the time machine in the URL, which a link to it has beforehand."""

import time

import streamlit as st

from porteye_core.ui import time_range, url_state

COMPARE = "compare"
_MINUTE = 60 * 1_000_000


def begin() -> None:
    """Compare two moments if the address says two; before the toggle is drawn."""
    if COMPARE not in st.session_state:
        st.session_state[COMPARE] = "versus" in st.query_params


def this_minute() -> int:
    """The beginning of this minute, in microseconds since the epoch."""
    return time.time_ns() // 1000 // _MINUTE * _MINUTE


def an_hour_ago() -> int:
    """The moment that is shown first, in microseconds since the epoch."""
    return this_minute() - 60 * _MINUTE


def said() -> dict[str, str]:
    """The parameters of the URL when the time machine is drawn again."""
    kept = st.session_state
    stamps = {"at": time_range.stamp(kept.get("exact_at", an_hour_ago()))}
    if kept.get(COMPARE) and "exact_versus" in kept:
        stamps["versus"] = time_range.stamp(kept["exact_versus"])
    return stamps


def write(at: int, versus: int | None) -> None:
    """Say these moments in the address."""
    before = st.query_params.to_dict()
    after = {name: text for name, text in before.items() if name != "versus"}
    after["at"] = time_range.stamp(at)
    if versus is not None:
        after["versus"] = time_range.stamp(versus)
    if after != before:
        st.query_params.from_dict(after)
        url_state.note_written()
