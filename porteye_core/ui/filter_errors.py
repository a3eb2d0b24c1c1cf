"""Errors of filters: beside the field, and above a view whose sidebar is closed."""

import streamlit as st

from porteye_core.ui.markdown import literal

_KEY = "filter_errors"


def clear() -> None:
    """A run of the page begins."""
    st.session_state[_KEY] = []


def show(text: str) -> None:
    """Show it beside the field, literally."""
    st.session_state[_KEY].append(text)
    _draw(text)


def repeat_in_main() -> None:
    """Show all of them again where style.css shows them only while the sidebar is closed."""
    if said := st.session_state[_KEY]:
        with st.container(key="filter_errors"):
            for text in said:
                _draw(text)


def _draw(text: str) -> None:
    st.error(literal(text), icon=":material/error:")
