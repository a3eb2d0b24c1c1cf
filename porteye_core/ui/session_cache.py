"""The session's cache of what the last run of a view made."""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

_T = TypeVar("_T")


def cached(key: str, of: tuple[object, ...], make: Callable[[], _T]) -> _T:
    """The session's value under this key if it was made of equal things, else a new one."""
    kept: tuple[object, _T] | None = st.session_state.get(key)
    if kept is None or kept[0] != of:
        kept = of, make()
        st.session_state[key] = kept
    return kept[1]
