"""The filters in the page's URL, under keys that stay the same whatever the page calls them.

A session reads them once, and again when the browser goes back or forward or follows a link of the
page; it writes them after every run. Streamlit makes an entry of the browser's history for each
change, so that a link from view to view carries what the URL will say: one step forward is then one
step back.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from porteye_core.errors import FilterError

_T = TypeVar("_T")
_LISTENERS = ("port", "process", "protocol", "exposure", "user", "home", "address")
_NAMES = (*_LISTENERS, "hosts", "kind", "range", "since", "until", "limit")
_MOMENTS = ("since", "until", "at", "versus", "around")
_FOLLOWED = tuple(dict.fromkeys((*_NAMES, *_MOMENTS)))
_BOUNDS, _TWO = {"range", "since", "until"}, {"at", "versus", "around"}
_WRITTEN, _KNOWN = "written_filters", "known_urls"
_PAGE = ("before", "after")  # of the history
_HOST = "host"  # of a fleet


def follow_the_browser() -> None:
    """Read the URL anew if the browser went back or forward or followed a link; before any field
    is drawn. A filter that a link does not name stays as it is."""
    said = _followed()
    if has_navigated():
        _read_anew(_FOLLOWED)
    elif not acknowledge():
        before = _known()[-1]
        _read_anew(name for name in said if said[name] != before.get(name, ""))
    else:
        return
    st.session_state[_KNOWN] = [said]


def acknowledge() -> bool:
    """Tell that the browser's address is one that this session wrote, and forget those before it.

    A browser that is quicker than the answer still has an address from before it.
    """
    said, known = _followed(), _known()
    if said not in known:
        return False
    st.session_state[_KNOWN] = known[known.index(said) :]
    return True


def note_written() -> None:
    """Remember what this run has written into the URL, so that it is not taken for a link."""
    said, known = _followed(), _known()
    if said != known[-1]:
        st.session_state[_KNOWN] = [*known, said]


def _known() -> list[dict[str, str]]:
    known: list[dict[str, str]] = st.session_state.setdefault(_KNOWN, [_followed()])
    return known


def _followed() -> dict[str, str]:
    said = st.query_params.to_dict()
    return {name: said[name] for name in _FOLLOWED if name in said}


def _read_anew(names: Iterable[str]) -> None:
    """Drop what the session keeps of these, so that the next field takes it from the URL."""
    dropped = set(names)
    for together in (_BOUNDS, _TWO):
        if dropped & together:
            dropped |= together
    for name in dropped:
        for kept in (name, f"exact_{name}"):
            st.session_state.pop(kept, None)
        forget(name)


def filters() -> dict[str, str]:
    """The filters of the URL, for a link to another view."""
    said = st.query_params.to_dict()
    return {name: said[name] for name in _NAMES if name in said}


def host() -> str:
    """The host of a fleet that the URL names, empty if it names none."""
    return st.query_params.get(_HOST, "")


def kept() -> dict[str, str]:
    """The filters of the URL and its host, for a link to another view of the same host."""
    of = host()
    return {**({_HOST: of} if of else {}), **filters()}


def first(name: str, parse: Callable[[str], _T], default: _T) -> _T:
    """The first value, from the URL; a wrong one is the default, and `wrong` has the message."""
    try:
        text = st.query_params.get(name, "")
        return parse(text) if text else default
    except FilterError as err:
        st.session_state[_wrong(name)] = f"{err} This part of the link was ignored."
        return default


def start(name: str, parse: Callable[[str], _T], default: _T) -> None:
    """Give a widget that is about to be drawn its first value."""
    if name not in st.session_state:
        st.session_state[name] = first(name, parse, default)


def wrong(name: str) -> str:
    """The message about a wrong value, until the field is changed."""
    return str(st.session_state.get(_wrong(name), ""))


def forget(name: str) -> None:
    """The field was changed: what the URL said no longer counts."""
    st.session_state.pop(_wrong(name), None)


def write(said: Mapping[str, str]) -> None:
    """Say these, and nothing else of the filters. A page of the history ends where they change."""
    before = st.query_params.to_dict()
    others = {name: value for name, value in before.items() if name not in _NAMES}
    if st.session_state.get(_WRITTEN, said) != said and not has_navigated():
        others = {name: value for name, value in others.items() if name not in _PAGE}
    st.session_state[_WRITTEN] = said
    if before != {**others, **said}:
        st.query_params.from_dict({**others, **said})
    note_written()


def has_navigated() -> bool:
    """Tell that the browser went back or forward to the URL of this run."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def _wrong(name: str) -> str:
    return f"wrong_{name}"
