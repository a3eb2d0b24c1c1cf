"""Advice with a command to copy, apart from the sentence about it."""

from typing import NamedTuple

import streamlit as st

from porteye_core.model import Limitation
from porteye_core.ui.context import View

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


def how(advice: Advice, label: str) -> None:
    """Draw a button that shows the command, if there is one for this machine."""
    if advice.command and not View.current().of_host:
        with st.popover(label, type="tertiary"):
            st.text(_TAKES_OVER)
            st.code(advice.command, language=None, wrap_lines=True)
