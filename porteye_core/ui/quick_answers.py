"""Quick answers: a box on every page that says who holds a port, a pid or a name."""

from pathlib import Path

import streamlit as st

from porteye_core.store.reading import Life, Reader
from porteye_core.ui.asked import Asked, asked
from porteye_core.ui.context import viewers_zone
from porteye_core.ui.markdown import literal
from porteye_core.ui.monitor_state import now, read
from porteye_core.ui.pages import story_link
from porteye_core.ui.story import sentence

_MOST = 8


def button(db: Path) -> None:
    """The button, which its key presses from anywhere on the page."""
    if st.button(
        "Who holds …?", icon=":material/search:", shortcut="Ctrl+K", key="quick", width="stretch"
    ):
        _ask(db)


@st.dialog("Who holds a port, a pid or a name?")
def _ask(db: Path) -> None:
    text = st.text_input(
        "Port, pid or name", key="asked", placeholder="3000, pid 812, nginx", max_chars=256
    )
    meant = asked(text)
    if meant != Asked():
        read(db, lambda reader: _answer(reader, meant))


def _answer(reader: Reader, meant: Asked) -> None:
    if meant.port is not None:
        found = reader.on_port(meant.port, _MOST)
        _tell(reader, f"port {meant.port}", found)
    if meant.pid is not None:
        found = reader.of_pid(meant.pid, _MOST)
        if found or meant.port is None:
            _tell(reader, f"pid {meant.pid}", found)
    if meant.name:
        _tell(reader, f"“{meant.name}”", reader.of_name(meant.name, _MOST))


def _tell(reader: Reader, what: str, found: list[Life]) -> None:
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
        st.markdown(literal(sentence(life, moment, viewers_zone(), last)))
        story_link(life.id)
    if len(found) == _MOST:
        st.caption(f"These are the first {_MOST}; the filters of the sidebar show them all.")
