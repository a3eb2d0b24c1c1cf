"""The lookup: a dialog on every page that answers who holds a port, a pid or a name."""

import re
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from porteye_core.filters import MAX_PROCESS
from porteye_core.pasted_text import HIGHEST_PORT
from porteye_core.store.reading import Life, Reader
from porteye_core.ui.context import now, read, viewers_zone
from porteye_core.ui.listener_summary import markdown
from porteye_core.ui.markdown import literal
from porteye_core.ui.pages import story_link

_MAX_ANSWERS = 8
_PORT = re.compile(r"(?:port\s*)?(?:\S*:)?(\d{1,5})(?:/(?:tcp|udp))?", re.IGNORECASE)
_PID = re.compile(r"(?:pid\s*)?(\d{1,10})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LookupQuery:
    """A port, a pid or a name to look up: a bare number is a port and a pid."""

    port: int | None = None
    pid: int | None = None
    name: str = ""


def parse_query(text: str) -> LookupQuery:
    """The readings of a text; none at all if it is empty.

    >>> parse_query("localhost:3000").port
    3000
    """
    meant = text.replace("\0", "").strip()[:MAX_PROCESS]
    named, pid = _PORT.fullmatch(meant), _PID.fullmatch(meant)
    port = int(named[1]) if named and int(named[1]) <= HIGHEST_PORT else None
    if meant.lower().startswith("pid") and pid:
        return LookupQuery(pid=int(pid[1]))
    bare = pid is not None and pid[1] == meant
    if port is None and not bare:
        return LookupQuery(name=meant)
    return LookupQuery(port=port, pid=int(meant) if bare else None)


def button(db: Path) -> None:
    """The button, which its key presses from anywhere on the page."""
    if st.button(
        "Who holds …?", icon=":material/search:", shortcut="Ctrl+K", key="quick", width="stretch"
    ):
        _ask(db)


@st.dialog("Who holds a port, a pid or a name?")
def _ask(db: Path) -> None:
    text = st.text_input(
        "Port, pid or name", key="lookup", placeholder="3000, pid 812, nginx", max_chars=256
    )
    query = parse_query(text)
    if query != LookupQuery():
        read(db, lambda reader: _answer(reader, query))


def _answer(reader: Reader, query: LookupQuery) -> None:
    if query.port is not None:
        found = reader.on_port(query.port, _MAX_ANSWERS)
        _draw(reader, f"port {query.port}", found)
    if query.pid is not None:
        found = reader.of_pid(query.pid, _MAX_ANSWERS)
        if found or query.port is None:
            _draw(reader, f"pid {query.pid}", found)
    if query.name:
        _draw(reader, f"“{query.name}”", reader.of_name(query.name, _MAX_ANSWERS))


def _draw(reader: Reader, what: str, found: list[Life]) -> None:
    moment = now()
    current = reader.status(moment)
    last = current.last_watched
    if not found:
        st.info(literal(f"Nothing is recorded for {what}, now or before."))
        return
    if found[0].closed_at is not None:
        when = "now" if last is None else "when it was last watched"
        st.markdown(literal(f"Nothing was open for {what} {when}. The last:"))
    for life in found:
        st.markdown(markdown(life, moment, viewers_zone(), last))
        story_link(life.id)
    if len(found) == _MAX_ANSWERS:
        st.caption(f"These are the first {_MAX_ANSWERS}; the filters of the sidebar show them all.")
