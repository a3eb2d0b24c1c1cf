"""Choices above a table, which the URL keeps and the browser's way back brings back."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from porteye_core.ui import url_state


def choose(label: str, labels: Mapping[str, str], parameter: str, key: str) -> str:
    """Draw a choice between values with these labels, and return the value; the first is the usual
    one, of which the URL's parameter does not tell. key: of the widget."""
    usual = next(iter(labels))
    begun = _begun(key, lambda said: said if said in labels else usual, parameter)
    if begun is not None and begun not in labels:  # it was there until now
        st.session_state[key], begun = usual, None
    chosen = st.segmented_control(
        label,
        list(labels),
        format_func=labels.__getitem__,
        key=key,
        default=begun,
        label_visibility="collapsed",
        required=True,
    )
    _keep(parameter, "" if chosen in {None, usual} else str(chosen))
    return chosen or usual


def toggle(label: str, parameter: str, other: str, key: str, explained: str) -> bool:
    """Draw a toggle, which is on unless the URL's parameter has this other value."""
    begun = _begun(key, lambda said: said != other, parameter)
    is_on: bool = st.toggle(label, value=bool(begun), key=key, help=explained)
    _keep(parameter, "" if is_on else other)
    return is_on


def _begun(key: str, parse: Any, parameter: str) -> Any:
    """The value that a widget begins with once the browser draws it, None if the session says it.

    A browser that draws the widget late misses what the session said once.
    """
    if url_state.has_navigated():
        st.session_state.pop(key, None)
    if key in st.session_state:
        return st.session_state[key]
    st.session_state[key] = parse(st.query_params.get(parameter, ""))
    return None


def _keep(parameter: str, value: str) -> None:
    if value:
        st.query_params[parameter] = value
    else:
        st.query_params.pop(parameter, None)
