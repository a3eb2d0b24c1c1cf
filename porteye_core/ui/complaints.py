"""What was wrong with a filter: beside its field, and above a view whose sidebar is closed."""

import streamlit as st

from porteye_core.ui.markdown import literal

_KEY = "complaints"


def clear() -> None:
    """A run of the page begins."""
    st.session_state[_KEY] = []


def complain(text: str) -> None:
    """Say it beside the field, literally."""
    st.session_state[_KEY].append(text)
    _draw(text)


def repeat() -> None:
    """Say all of them again where layout.py shows them only while the sidebar is closed."""
    if said := st.session_state[_KEY]:
        with st.container(key="complaints"):
            for text in said:
                _draw(text)


def _draw(text: str) -> None:
    st.error(literal(text), icon=":material/error:")
