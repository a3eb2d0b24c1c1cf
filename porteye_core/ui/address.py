"""The filters in the page's address, under keys that stay the same whatever the page calls them.

A session reads them once and writes them after every run: a change of view empties the address.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

import streamlit as st

from porteye_core.errors import FilterError

_T = TypeVar("_T")
_NAMES = ("port", "process", "protocol", "range", "since", "until", "limit")


def first(name: str, parse: Callable[[str], _T], default: _T) -> _T:
    """What the address says at first; a wrong value is the default, and `wrong` says so."""
    try:
        text = st.query_params.get(name, "")
        return parse(text) if text else default
    except FilterError as err:
        st.session_state[_wrong(name)] = str(err)
        return default


def start(name: str, parse: Callable[[str], _T], default: _T) -> None:
    """Give a widget that is about to be drawn its first value."""
    if name not in st.session_state:
        st.session_state[name] = first(name, parse, default)


def wrong(name: str) -> str:
    """The message about a wrong value, until the field is changed."""
    return str(st.session_state.get(_wrong(name), ""))


def forget(name: str) -> None:
    """The field was changed: what the address said no longer counts."""
    st.session_state.pop(_wrong(name), None)


def write(said: Mapping[str, str]) -> None:
    """Say these, and nothing else of the filters."""
    before = st.query_params.to_dict()
    others = {name: value for name, value in before.items() if name not in _NAMES}
    if before != {**others, **said}:
        st.query_params.from_dict({**others, **said})


def _wrong(name: str) -> str:
    return f"wrong_{name}"
