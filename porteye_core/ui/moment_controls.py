"""The controls of the cursor: a field for a time in words, a calendar, and steps through time."""

from dataclasses import replace

import streamlit as st

from porteye_core import time_words
from porteye_core.errors import FilterError, StoreError
from porteye_core.store.database import open_reader
from porteye_core.ui import cursor_url, time_range, url_state
from porteye_core.ui.context import View, now, viewers_zone
from porteye_core.ui.layout import is_phone
from porteye_core.ui.markdown import literal

_MINUTE = 60 * 1_000_000
_STEPS = {"−1 d": -1440, "−1 h": -60, "−1 min": -1, "+1 min": 1, "+1 h": 60, "+1 d": 1440}
_SHOWN, _SAID = "cursor_shown", "cursor_said"
_EXAMPLES = "yesterday 03:10, last Tue 14:00, -2h"


def shown(at: int) -> None:
    """Remember where the cursor is, from which steps go on."""
    st.session_state[_SHOWN] = at


def field(name: str, label: str, width: int) -> None:
    """Draw a field that sets the moment of this name, `at` or `versus`, to a time in words."""
    with st.container(width=width):
        st.text_input(
            label,
            key=f"words_{name}",
            type="search",
            placeholder=_EXAMPLES,
            max_chars=time_words.MAX_LENGTH,
            label_visibility="collapsed",
            on_change=_read_words,
            args=(name,),
        )


def errors() -> None:
    """Say why the last text or step, or the address, led nowhere."""
    for name in ("at", "versus", "around"):
        if wrong := url_state.wrong(name):
            st.warning(literal(wrong), icon=":material/error:")
    if said := st.session_state.pop(_SAID, ""):
        st.warning(literal(said), icon=":material/error:")


def steps(view: View) -> None:
    """Draw the steps: to the changes before and after, by lengths of time, to a day, to now."""
    with st.container(horizontal=True, vertical_alignment="center", key="steps"):
        for label, icon, forward in (
            ("Previous change", "arrow_back", False),
            ("Next change", "arrow_forward", True),
        ):
            st.button(
                label.split()[0] if is_phone() else label,
                key=f"step_{label.split()[0].lower()}",
                icon=f":material/{icon}:",
                icon_position="right" if forward else "left",
                on_click=_to_change,
                args=(view, forward),
            )
        lengths()


def lengths() -> None:
    """Draw the steps by lengths of time, to a day, and to now."""
    if is_phone():
        with st.popover("Steps", type="tertiary", icon=":material/more_time:"):
            _lengths()
    else:
        _lengths()
        # Not in a popover: that would close with the calendar, before the field tells its day.
        with st.container(width=225):
            time_range.field("at", "Moment", is_labelled=False)


def _lengths() -> None:
    for label, minutes in _STEPS.items():
        st.button(label, key=f"step{minutes}", type="tertiary", on_click=_step, args=(minutes,))
    st.button("Now", key="step_now", type="tertiary", on_click=_to_now)


def go(name: str, at: int) -> None:
    """Set the moment of this name; for a callback. The range follows the cursor."""
    time_range.set_moment(name, at)
    if name == "at":
        time_range.reach(at, now())


def _read_words(name: str) -> None:
    key = f"words_{name}"
    text: str = st.session_state[key]
    if not text.strip():
        return
    try:
        at = time_words.moment(text, now(), viewers_zone(), name)
    except FilterError as err:
        st.session_state[_SAID] = str(err)
        return
    st.session_state[key] = ""
    url_state.forget(name)
    go(name, at)


def _cursor() -> int:
    at: int | None = st.session_state.get("exact_at")
    return at if at is not None else int(st.session_state.get(_SHOWN) or now())


def _step(minutes: int) -> None:
    go("at", max(0, _cursor() + minutes * _MINUTE))  # before 1970 no address has a time


def _to_now() -> None:
    go("at", now() // 1_000_000 * 1_000_000)


def _to_change(view: View, forward: bool) -> None:  # noqa: FBT001 - a callback's
    filters, at = replace(view.filters, since=None, until=None), _cursor()
    try:
        with open_reader(view.db) as reader:
            ask = reader.next_change if forward else reader.previous_change
            found = ask(filters, at)
    except StoreError as err:
        st.session_state[_SAID] = str(err)
        return
    if found is None:
        when = "after" if forward else "before"
        st.session_state[_SAID] = f"No change is recorded {when} this moment."
        return
    go("at", found)


def compare_with_now() -> None:
    """Compare the cursor with now; for a callback."""
    pin()
    cursor_url.show(versus=now() // 1_000_000 * 1_000_000)


def show_around() -> None:
    """Show what changed around the cursor; for a callback."""
    pin()
    cursor_url.show(around=cursor_url.AROUND)


def pin() -> None:
    """Keep the cursor where it is, also if it was at the newest change; for a callback."""
    cursor_url.set_at(_cursor())
