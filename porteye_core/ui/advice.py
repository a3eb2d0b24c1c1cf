"""Advice with a command to copy, apart from the sentence about it."""

from typing import NamedTuple

import streamlit as st

from porteye_core.model import Limitation
from porteye_core.store.reading import Status
from porteye_core.ui.markdown import literal

_TAKES_OVER = "Run this in a terminal. It takes over from the dashboard's own monitor."


class Advice(NamedTuple):
    """A sentence, and the command that it is about; an empty one if there is none."""

    text: str
    command: str = ""


def of_limitation(limit: Limitation) -> Advice:
    """The sentence of a limitation, with its remedy in it or as a command."""
    said, _, command = limit.hint.partition(": ")
    if said.startswith("Run") and command:
        return Advice(limit.text, command)
    return Advice(f"{limit.text} {limit.hint}".strip())


def hidden_owners(current: Status) -> Advice | None:
    """Advice about owners that this monitor may not see; None if it sees all of them."""
    limitations = current.watch.plan.limitations if current.watch else ()
    unprivileged = next((each for each in limitations if each.name == "unprivileged"), None)
    if unprivileged is None or not current.hidden or not current.is_current:
        return None
    verb = "owner needs" if current.hidden == 1 else "owners need"
    found = of_limitation(unprivileged)
    if found.command:
        return Advice(f"{current.hidden:,} {verb} root.", found.command)
    return Advice(f"{current.hidden:,} {verb} more rights. {unprivileged.hint}".strip())


def draw(advice: Advice | None, key: str, label: str = "How") -> None:
    """Draw a quiet line, with the command behind a button."""
    if advice is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=key):
        st.caption(literal(advice.text), width="content")
        how(advice, label)


def how(advice: Advice, label: str) -> None:
    """Draw a button that shows the command, if there is one."""
    if advice.command:
        with st.popover(label, type="tertiary"):
            st.text(_TAKES_OVER)
            st.code(advice.command, language=None, wrap_lines=True)
