"""History: what opened and closed, newest first, and all of it as CSV or JSON."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from porteye_core.filters import parameters
from porteye_core.model import Filters
from porteye_core.store.reading import Reader
from porteye_core.ui.context import View, now, read, viewers_zone
from porteye_core.ui.layout import ADDRESS_HELP, show_table

_BEAT = 5  # seconds
# Relative to the page's own address, which a proxy may have put below a path of its own.
_API = "api"
_FORMATS = ("CSV", "JSON")

_COLUMNS: dict[str, Any] = {
    "at": st.column_config.DatetimeColumn(
        "Time", format="YYYY-MM-DD HH:mm:ss.SSS", width=158, help="In your time zone"
    ),
    "kind": st.column_config.TextColumn("Event", width=66),
    "seen": st.column_config.TextColumn(
        "Seen",
        width=54,
        help="How exact the time is — kernel: to the microsecond; poll: within one interval"
        " before it; gap: some time before it, while nobody watched",
    ),
    "port": st.column_config.NumberColumn("Port", format="%d", width=56),
    "service": st.column_config.TextColumn("Service", width=76),
    "address": st.column_config.TextColumn("Address", width=84, help=ADDRESS_HELP),
    "protocol": st.column_config.TextColumn("Proto", width=48),
    "process": st.column_config.TextColumn("Process", width=92),
    "pid": st.column_config.NumberColumn("PID", format="%d", width=64),
    "user": st.column_config.TextColumn("User", width=56),
    "cmdline": st.column_config.TextColumn("Command line", width=160),
}
_ON_A_PHONE = ("at", "kind", "port", "process")


@st.fragment(run_every=_BEAT)
def page_of_events() -> None:
    """The newest events that the filters let through, or those before an event."""
    view = View.current()
    read(view.db, lambda reader: _show(reader, view))


def _show(reader: Reader, view: View) -> None:
    filters = _filters_now(view)
    before = _before()
    # One more than is shown says that there is an older page.
    found = reader.events(replace(filters, limit=filters.limit + 1), before=before)
    table = found.head(filters.limit)
    total = reader.event_count(filters)
    if table.empty and before is None:
        st.info("No event that the filters let through is recorded in this time range.")
        return
    _export(view, filters, total, reader.newest_event())
    with st.container(horizontal=True, vertical_alignment="center"):
        which = "newest" if before is None else "next older"
        st.caption(f"Showing the {which} {len(table):,} of {total:,} events.")
        older = int(table["id"].min()) if len(found) > len(table) else None
        with st.container(horizontal=True, width="content"):  # on a phone side by side, too
            st.button("Newest", on_click=_turn, args=(None,), disabled=before is None)
            st.button("Older", on_click=_turn, args=(older,), disabled=older is None)
    if table.empty:
        st.info("There are no older events.")
        return
    table["at"] = table["at"].dt.tz_convert(viewers_zone())
    show_table(table, _COLUMNS, _ON_A_PHONE, key="events", alt="Events, the newest first")


def _filters_now(view: View) -> Filters:
    """The filters of a look: a range that ends now begins at a beat, the same for all that is asked
    within it."""
    beat = _BEAT * 1_000_000
    return view.filters_at(now() // beat * beat)


def _before() -> int | None:
    """The event in the address before which the page begins, None for the newest page."""
    text = st.query_params.get("before", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def _turn(before: int | None) -> None:
    if before is None:
        st.query_params.pop("before", None)
    else:
        st.query_params["before"] = str(before)


def _export(view: View, filters: Filters, total: int, newest: int) -> None:
    """Draw a link for each format to the events that are counted, and to no newer ones."""
    events_ = f"{total:,} {'event' if total == 1 else 'events'}"
    which = {**parameters(filters), "before": str(newest + 1)}
    with st.container(horizontal=True):
        for name in _FORMATS:
            st.link_button(
                f"Export {events_} as {name}",
                _address(view, f"history.{name.lower()}", which),
                icon=":material/download:",
                key=f"export_{name}",
            )


def _address(view: View, file: str, which: dict[str, str]) -> str:
    """Return the address of a file of the API. The browser's own download takes it as it is sent,
    whatever its size; Streamlit's would keep all of it in memory."""
    signs = view.access.login  # else the API needs nothing, or the cookie that opened the page
    query = view.access.tickets.query(file, which) if signs else urlencode(which)
    return f"{_API}/{file}?{query}"


page_of_events()
