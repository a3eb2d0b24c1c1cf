"""History: what opened and closed, newest first, and all of it as CSV or JSON."""

from dataclasses import replace

import streamlit as st

from porteye_core.model import Filters
from porteye_core.store.reading import Reader
from porteye_core.ui import export_links, time_range
from porteye_core.ui.context import View, now, read, viewers_zone
from porteye_core.ui.layout import show_table
from porteye_core.ui.table_columns import columns

_REFRESH = 5  # seconds

_COLUMNS = columns(
    {
        "at": 158,
        "kind": 66,
        "seen": 54,
        "port": 56,
        "service": 76,
        "address": 84,
        "protocol": 48,
        "process": 92,
        "pid": 64,
        "user": 56,
        "cmdline": 160,
    }
)
_ON_A_PHONE = ("at", "kind", "port", "process")


@st.fragment(run_every=_REFRESH)
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
    export_links.draw(view, "history", filters, total, newest=reader.newest_event())
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
    """The filters of one drawing; a range that ends now ends at a multiple of the refresh interval,
    so that all questions of a drawing have the same."""
    interval = _REFRESH * 1_000_000
    return view.filters_at(now() // interval * interval)


def _before() -> int | None:
    """The event in the address before which the page begins, None for the newest page."""
    text = st.query_params.get("before", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def _turn(before: int | None) -> None:
    if before is None:
        st.query_params.pop("before", None)
    else:
        st.query_params["before"] = str(before)


time_range.pills()
page_of_events()
