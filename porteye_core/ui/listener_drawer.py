"""The drawer of one listener, at the right of any view: `?listener=ID` in the address opens it."""

from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from porteye_core.store.reading import Life, Reader
from porteye_core.ui.context import now, read, viewers_zone
from porteye_core.ui.listener_summary import sentence
from porteye_core.ui.markdown import literal
from porteye_core.ui.pages import story_link

_NAME = "listener"  # in the address
_REFRESH = 2  # seconds


def open_drawer(listener_id: int) -> None:
    """Open the drawer of a listener: name it in the address, and run the page again.

    The page itself draws it, not the part of a view that was clicked: that part is refreshed
    without a click, and would close it.
    """
    st.query_params[_NAME] = str(listener_id)
    st.rerun()


def draw(db: Path) -> None:
    """Draw the drawer if the address names a listener; before the view, which takes longer."""
    said = st.query_params.get(_NAME, "")
    if not (said.isascii() and said.isdecimal() and len(said) < 16):
        return
    context = get_script_run_ctx()
    if context is not None and context.has_dialog_opened:
        _close()  # the lookup was opened over it
        return
    read(db, lambda reader: _open(reader, db, int(said)), silent=True)


def _open(reader: Reader, db: Path, listener_id: int) -> None:
    life = reader.listener(listener_id)
    if life is None:
        return
    title = literal(f"{life.title or 'Unknown owner'} on port {life.port}")
    st.dialog(title, position="right", on_dismiss=_close)(_contents)(db, listener_id)


def _close() -> None:
    st.query_params.pop(_NAME, None)


@st.fragment(run_every=_REFRESH)
def _contents(db: Path, listener_id: int) -> None:
    """All that the drawer tells; only this is drawn anew while it is open."""

    def tell(reader: Reader) -> None:
        life = reader.listener(listener_id)
        if life is not None:
            _tell(reader, life)

    read(db, tell)


def _tell(reader: Reader, life: Life) -> None:
    moment = now()
    last = reader.status(moment).last_watched
    st.markdown(literal(sentence(life, moment, viewers_zone(), last)))
    if life.cmdline:
        st.code(life.cmdline, language=None, wrap_lines=True)
    story_link(life.id, "Full story")
