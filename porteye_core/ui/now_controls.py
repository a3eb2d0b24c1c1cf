"""Controls and notes above the table of Now: how its rows are made, and what they do not say."""

import random
from pathlib import Path
from typing import TypeVar

import streamlit as st
from streamlit.elements.lib.mutable_popover_container import PopoverContainer

from porteye_core.config import monitor_command
from porteye_core.store.database import Database
from porteye_core.store.reading import FREE_PORTS, Reader
from porteye_core.ui import advice
from porteye_core.ui.advice import Advice
from porteye_core.ui.context import viewers_zone
from porteye_core.ui.markdown import literal
from porteye_core.ui.now_groups import By, label
from porteye_core.ui.times import moment as time_of

_T = TypeVar("_T")
_GROUP, _OF, _ROWS = "group", "of", "rows"  # in the URL
_BY_SERVICE = "by_service"
_BY = {By.NOTHING: "Nothing", By.PROGRAM: "Program", By.UNIT: "Unit", By.EXPOSURE: "Exposure"}
_FREE, _OPTIONS = "found_free_port", "view_options"
KEYS = (_BY_SERVICE, _GROUP)  # of the widgets whose value the URL keeps


def one_row_per_service() -> bool:
    """Draw the choice of one row for each service or each socket; the URL keeps it."""
    begun = _begun(_BY_SERVICE, st.query_params.get(_ROWS) != "sockets")
    chosen = st.toggle(
        "One row per service",
        value=bool(begun),
        key=_BY_SERVICE,
        help="A service has a socket for IPv4 and IPv6, for TCP and UDP, or for each of its"
        " workers. Without this each socket has a row.",
    )
    _keep(_ROWS, "" if chosen else "sockets")
    return chosen


def grouping() -> By:
    """Draw the choice of what rows are grouped by; the URL keeps it."""
    said = st.query_params.get(_GROUP, "")
    by = st.segmented_control(
        "Group by",
        list(By),
        default=_begun(_GROUP, By(said) if said in set(By) else By.NOTHING),
        format_func=_BY.__getitem__,
        key=_GROUP,
        required=True,
    )
    by = by or By.NOTHING
    _keep(_GROUP, "" if by is By.NOTHING else by.value)
    if by is By.NOTHING:
        open_group(None)
    return by


def opened_group() -> str | None:
    """The group whose rows are shown, None if all groups are."""
    return st.query_params.get(_OF)


def open_group(name: str | None) -> None:
    """Show the rows of this group, or all groups."""
    if name is None:
        st.query_params.pop(_OF, None)
    else:
        st.query_params[_OF] = name


def options() -> PopoverContainer:
    """Draw the popover of what is chosen seldom; the view is drawn anew when it opens."""
    return st.popover("View", icon=":material/tune:", key=_OPTIONS, on_change="rerun")


def free_port(reader: Reader, now: int, *, is_open: bool) -> None:
    """Draw a free port, which is looked for anew each time that the popover opens."""
    if not is_open:
        st.session_state.pop(_FREE, None)
        return
    if _FREE not in st.session_state:
        # In any order, or two who ask at a time would get the same.
        candidates = random.sample(FREE_PORTS, len(FREE_PORTS))
        st.session_state[_FREE] = reader.free_port(candidates, now), now
    found, asked = st.session_state[_FREE]
    with st.container(horizontal=True, vertical_alignment="center", key="free_port"):
        st.caption("A free port", width="content")
        st.button(
            "Another",
            icon=":material/refresh:",
            type="tertiary",
            key="another_free_port",
            on_click=st.session_state.pop,
            args=(_FREE, None),
        )
    if found is None:
        st.caption("No port is known to be free.")
        return
    st.code(str(found.port), language=None)
    since = (
        "in the last 30 days"
        if found.whole
        else (f"since {time_of(found.since, asked, viewers_zone())}, when PortEye began to watch")
    )
    st.caption(f"No listener has used it {since}, and no service has it by custom.")


def hidden_owners(count: int, db: Database) -> None:
    """Draw the line about owners that only root may see."""
    if not count:
        return
    with st.container(
        horizontal=True, key="hidden_owners", vertical_alignment="center", gap="small"
    ):
        owners = "1 owner needs" if count == 1 else f"{count:,} owners need"
        st.caption(f"{owners} root.", width="content")
        if isinstance(db, Path):
            advice.how(Advice("", monitor_command(db)), "How?")


def opened_group_line(by: By, name: str) -> None:
    """Draw the line that says whose rows are shown, and leads back."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            f"All groups by {_BY[by].lower()}",
            icon=":material/arrow_back:",
            type="tertiary",
            key="all_groups",
            on_click=open_group,
            args=(None,),
        )
        st.caption(literal(label(name, by)), width="content")


def _begun(key: str, said: _T) -> _T | None:
    """The value that a widget begins with once the browser draws it, None if the session says it.

    A browser draws what is in a popover when that is opened, and misses what was said before.
    """
    if key in st.session_state:
        value: _T = st.session_state[key]
        return value
    st.session_state[key] = said
    return None


def _keep(name: str, value: str) -> None:
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)
