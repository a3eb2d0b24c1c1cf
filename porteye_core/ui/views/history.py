"""History: what opened and closed, newest first, and all of it as CSV or JSON."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from porteye_core.model import Filters
from porteye_core.store.export import history_csv, history_json
from porteye_core.store.frames import events, totals
from porteye_core.store.reader import open_reader
from porteye_core.ui.context import View, viewers_zone
from porteye_core.ui.layout import ADDRESS_HELP, show_table
from porteye_core.ui.monitor_state import now, read

Pieces = Callable[[sqlite3.Connection, Filters], Iterator[str]]
_FORMATS: dict[str, tuple[Pieces, str]] = {
    "CSV": (history_csv, "text/csv"),
    "JSON": (history_json, "application/json"),
}
_BEAT = 5  # seconds
_SHORT = 20_000  # events that are exported in about a second

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
    read(view.db, lambda connection: _show(connection, view))


def _show(connection: sqlite3.Connection, view: View) -> None:
    filters = _asked(view)
    before = _before()
    table = events.history(connection, filters, before=before)
    total = totals.event_count(connection, filters)
    if table.empty and before is None:
        st.info("No event that the filters let through is recorded in this time range.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        which = "newest" if before is None else "next older"
        st.caption(f"Showing the {which} {len(table):,} of {total:,} events.")
        older = int(table["id"].min()) if len(table) == filters.limit else None
        with st.container(horizontal=True, width="content"):  # on a phone side by side, too
            st.button("Newest", on_click=_turn, args=(None,), disabled=before is None)
            st.button("Older", on_click=_turn, args=(older,), disabled=older is None)
    if table.empty:
        st.info("There are no older events.")
        return
    table["at"] = table["at"].dt.tz_convert(viewers_zone())
    show_table(table, _COLUMNS, _ON_A_PHONE, key="events", alt="Events, the newest first")


def _asked(view: View) -> Filters:
    """The filters of a look: a range that ends now begins at a beat, the same for all that is asked
    within it."""
    beat = _BEAT * 1_000_000
    return view.asked(now() // beat * beat)


def _before() -> int | None:
    """The event in the address before which the page begins, None for the newest page."""
    text = st.query_params.get("before", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def _turn(before: int | None) -> None:
    if before is None:
        st.query_params.pop("before", None)
    else:
        st.query_params["before"] = str(before)


def export() -> None:
    """The whole filtered history as a file: at once where it is short, else made with progress."""
    view = View.current()
    read(view.db, lambda connection: _offer(connection, view), silent=True)


def _offer(connection: sqlite3.Connection, view: View) -> None:
    filters = _asked(view)
    total = totals.event_count(connection, filters)
    with st.container(horizontal=True):
        for name, (pieces, mime) in _FORMATS.items():
            if total <= _SHORT:
                st.download_button(
                    f"Export the whole filtered history as {name}",
                    partial(_text, view.db, filters, pieces),
                    file_name=f"porteye-history.{name.lower()}",
                    mime=mime,
                    icon=":material/download:",
                    on_click="ignore",
                )
            elif st.button(f"Make a {name} file of {total:,} events"):
                _make(connection, filters, total, name)


def _text(db: Path, filters: Filters, pieces: Pieces) -> bytes:
    with open_reader(db) as connection:
        return "".join(pieces(connection, filters)).encode()


def _make(connection: sqlite3.Connection, filters: Filters, total: int, name: str) -> None:
    """Write a long export piece by piece, and then offer it."""
    pieces, mime = _FORMATS[name]
    progress = st.progress(0.0, text="Reading the history …")
    with tempfile.TemporaryFile() as file:
        done = 0
        for piece in pieces(connection, filters):
            file.write(piece.encode())
            done += piece.count("\n")
            progress.progress(min(done / total, 1.0), text=f"{done:,} of {total:,} events")
        progress.empty()
        file.seek(0)
        st.download_button(
            f"Save the {name} file",
            file,
            file_name=f"porteye-history.{name.lower()}",
            mime=mime,
            icon=":material/download:",
            on_click="ignore",
        )


export()
page_of_events()
