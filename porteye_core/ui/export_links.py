"""Links that bring what a view shows as a file, of any size, by one press.

The browser's own download takes the file as the API sends it; Streamlit's would keep all of it in
memory.
"""

from pathlib import Path
from urllib.parse import urlencode

import streamlit as st

from porteye_core.filters import parameters
from porteye_core.guards.access import Access
from porteye_core.model import Filters
from porteye_core.store.reading import Form
from porteye_core.system.clock import timestamp
from porteye_core.ui.context import View

# Relative to the page's own address, which a proxy may have put below a path of its own.
_API = "api"
# Of each view the API's file, and what one row of it is called.
_FILES = {
    "history": ("history", "event"),
    "now": ("ports", "listener"),
    "at": ("moment", "listener"),
    "changes": ("changes", "change"),
}
_TIMES = ("since", "until")
_UTC = "Times in the file are in UTC (ISO 8601)."


def draw(view: View, what: str, filters: Filters, count: int, **moments: int) -> None:
    """Draw a link for each format, with the number of rows.

    what: history, now, at or changes. moments: of history `newest`, the id of the newest event that
    is counted, of at `at`, of changes `at` and `versus`. Of all but history the filters' times do
    not count.
    """
    file, row = _FILES[what]
    rows = f"{count:,} {row if count == 1 else row + 's'}"
    which = {**_host(view), **_which(what, filters, moments)}
    with st.container(
        horizontal=True, vertical_alignment="center", width="content", key=f"export_{what}"
    ):
        for form, label, help_ in (
            (Form.CSV, f"Download CSV ({rows})", _UTC),
            (Form.JSON, "JSON", f"Download the same {rows} as JSON. {_UTC}"),
        ):
            st.link_button(
                label,
                address(view.access, f"{file}.{form}", which),
                icon=":material/download:",
                help=help_,
                key=f"export_{what}_{form}",
            )


def _host(view: View) -> dict[str, str]:
    return {} if isinstance(view.db, Path) else {"host": view.db.name}


def address(access: Access, file: str, which: dict[str, str]) -> str:
    """Return the address of a file of the API, with a ticket where the page has a login."""
    # Without a login the API needs nothing, or the cookie that opened the page.
    query = access.tickets.query(file, which) if access.login else urlencode(which)
    return f"{_API}/{file}?{query}"


def _which(what: str, filters: Filters, moments: dict[str, int]) -> dict[str, str]:
    said = parameters(filters)
    if what == "history":
        return {**said, "before": str(moments["newest"] + 1)}
    said = {name: text for name, text in said.items() if name not in _TIMES}
    return {**said, **{name: timestamp(at) for name, at in moments.items()}}
