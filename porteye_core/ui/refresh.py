"""The rate at which a view refreshes itself, which a reader can set or stop."""

from collections.abc import Callable

import streamlit as st

RATES = {"2 s": 2, "5 s": 5, "10 s": 10, "30 s": 30}  # seconds
_USUAL = "2 s"
_RATE, _PAUSED = "refresh_rate", "refresh_paused"


def repeat(draw: Callable[[], None]) -> None:
    """Draw now, and again at the rate that the reader has set, until it is paused."""
    seconds = None if is_paused() else RATES[st.session_state.get(_RATE, _USUAL)]
    st.fragment(draw, run_every=seconds)()


def is_paused() -> bool:
    """Tell that the reader has stopped the view."""
    return st.session_state.get(_PAUSED) is not None


def paused_at(what: object, now: int) -> int | None:
    """The moment at which the reader has stopped the view, None while it goes on; what: it shows.

    If that has changed meanwhile, nobody knows what it would have been then: it stops anew, now.
    """
    paused: tuple[object, int] | None = st.session_state.get(_PAUSED)
    if paused is not None and paused[0] != what:
        paused = what, now
        st.session_state[_PAUSED] = paused
    return paused[1] if paused else None


def pause_button(what: object, now: int) -> None:
    """Draw the button that stops the view of this, or lets it go on."""
    paused = is_paused()
    if st.button(
        "Paused" if paused else "Pause",
        icon=":material/play_arrow:" if paused else ":material/pause:",
        type="primary" if paused else "secondary",
        help="Go on" if paused else "Keep the table as it is now",
        key="pause",
    ):
        st.session_state[_PAUSED] = None if paused else (what, now)
        st.rerun(scope="app")  # the rate belongs to the fragment


def choose_rate() -> None:
    """Draw the choice of the rate."""
    before = st.session_state.setdefault(_RATE, _USUAL)
    chosen = st.segmented_control(
        "Refresh every", list(RATES), default=before, key="rate", required=True
    )
    if chosen and chosen != before:
        st.session_state[_RATE] = chosen
        st.rerun(scope="app")
