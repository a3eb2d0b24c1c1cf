"""The filters above the table of what listens now, each with the number of its rows."""

from collections.abc import Mapping
from enum import StrEnum

import pandas as pd
import streamlit as st

from porteye_core.exposure import Exposure

_REACHABLE = frozenset(each.value for each in Exposure if each.is_reachable)
_LOCAL = frozenset({Exposure.MACHINE.value, Exposure.CONTAINERS.value})
KEY = _PARAMETER = "show"  # of the widget, and in the URL


class Show(StrEnum):
    """The rows to show; the value stands in the URL."""

    ALL = "all"
    REACHABLE = "reachable"
    LOCAL = "local"
    TODAY = "today"
    WAITING = "waiting"


_LABELS = {
    Show.ALL: "All",
    Show.REACHABLE: "Reachable",
    Show.LOCAL: "Local",
    Show.TODAY: "Opened today",
    Show.WAITING: "Clients waiting",
}
# What nobody knows while nobody watches.
_WATCHED = (Show.TODAY, Show.WAITING)


def shown(services: pd.DataFrame, show: Show, midnight: pd.Timestamp) -> "pd.Series[bool]":
    """The rows that a filter shows; midnight: the beginning of the reader's day.

    A service is local if nothing of it is reachable. What was there before anybody watched has not
    been seen to open, today or ever.
    """
    reachable = services["exposure"].map(lambda of: not _REACHABLE.isdisjoint(of)).astype(bool)
    match show:
        case Show.REACHABLE:
            return reachable
        case Show.LOCAL:
            local = services["exposure"].map(lambda of: not _LOCAL.isdisjoint(of)).astype(bool)
            return local & ~reachable
        case Show.TODAY:
            return (services["latest"] >= midnight).fillna(value=False)
        case Show.WAITING:
            return (services["queue"] > 0).fillna(value=False).astype(bool)
        case _:
            return pd.Series(data=True, index=services.index)


def counts(
    services: pd.DataFrame, midnight: pd.Timestamp, *, watched: bool
) -> dict[Show, int | None]:
    """The number of open services that each filter shows, None where it is not known."""
    still = services[~services["closed"]]
    return {
        show: None if show in _WATCHED and not watched else int(shown(still, show, midnight).sum())
        for show in Show
    }


def already_there(services: pd.DataFrame, midnight: pd.Timestamp) -> int:
    """The number of open services that somebody first saw today, but nobody saw opening."""
    first = (services["since"] >= midnight) & (services["opened_seen"] == "gap")
    return int((first & services["latest"].isna() & ~services["closed"]).sum())


def choose(numbers: Mapping[Show, int | None]) -> Show:
    """Draw the filters and return the one that is chosen; the URL keeps it."""
    if KEY not in st.session_state:
        st.session_state[KEY] = _from_url()
    chosen = st.segmented_control(
        "Show",
        list(Show),
        format_func=lambda show: _label(show, numbers[show]),
        key=KEY,
        label_visibility="collapsed",
        required=True,
    )
    show = chosen or Show.ALL
    if show is not Show.ALL:
        st.query_params[_PARAMETER] = show.value
    else:
        st.query_params.pop(_PARAMETER, None)
    return show


def _from_url() -> Show:
    """The filter of the URL; one that there is not is none."""
    said = st.query_params.get(_PARAMETER, "")
    return Show(said) if said in set(Show) else Show.ALL


def _label(show: Show, number: int | None) -> str:
    return _LABELS[show] if number is None else f"{_LABELS[show]} {number:,}"
