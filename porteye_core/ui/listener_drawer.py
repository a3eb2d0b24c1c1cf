"""The drawer of one listener, at the right of any view: `?listener=ID` in the address opens it."""

from urllib.parse import urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from porteye_core.store.database import Database
from porteye_core.store.reading import Life, Reader
from porteye_core.ui import listener_note, listener_parts, url_state
from porteye_core.ui.context import now, read, viewers_zone
from porteye_core.ui.listener_summary import address, markdown
from porteye_core.ui.markdown import code, literal
from porteye_core.ui.pages import story_link
from porteye_core.ui.times import ago, moment

_NAME = "listener"  # in the address
_REFRESH = 2  # seconds
_WEEK = 7 * 86_400 * 1_000_000
_MAX_OTHERS = 12


def open_drawer(listener_id: int) -> None:
    """Open the drawer of a listener: name it in the address, and run the page again.

    The page itself draws it, not the part of a view that was clicked: that part is refreshed
    without a click, and would close it.
    """
    st.query_params[_NAME] = str(listener_id)
    st.rerun()


def draw(db: Database) -> None:
    """Draw the drawer if the address names a listener; before the view, which takes longer."""
    said = st.query_params.get(_NAME, "")
    if not said:
        return
    context = get_script_run_ctx()
    if context is not None and context.has_dialog_opened:
        _close()  # the lookup was opened over it
        return
    read(db, lambda reader: _open(reader, db, said), silent=True)


def number(said: str) -> int | None:
    """The number of a listener that an address says, None if it says none."""
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 16 else None


def _open(reader: Reader, db: Database, said: str) -> None:
    listener_id = number(said)
    life = None if listener_id is None else reader.listener(listener_id)
    if life is None:
        st.toast(literal(f"No listener {said[:40]} is recorded."), icon=":material/search_off:")
        _close()
        return
    title = literal(f"{life.title or 'Unknown owner'} on port {life.port}")
    st.dialog(title, position="right", on_dismiss=_close)(_contents)(db, life.id)


def _close() -> None:
    st.query_params.pop(_NAME, None)


@st.fragment(run_every=_REFRESH)
def _contents(db: Database, listener_id: int) -> None:
    """All that the drawer tells; only this is drawn anew while it is open."""

    def tell(reader: Reader) -> None:
        life = reader.listener(listener_id)
        if life is not None:
            _tell(reader, life)

    read(db, tell)


def _tell(reader: Reader, life: Life) -> None:
    at = now()
    _tell_closed(reader, life, at)
    last_watched = reader.status(at).last_watched
    st.markdown(markdown(life, at, viewers_zone(), last_watched))
    listener_note.draw(life)
    listener_parts.draw_other_ends(reader, life)
    listener_parts.draw_use(reader, life, at)
    listener_parts.draw_owner(life)
    listener_parts.draw_steps(reader, life)
    listener_parts.draw_strip(reader, life, at, _WEEK)
    _tell_others(reader, life)
    with st.container(horizontal=True, vertical_alignment="center"):
        story_link(life.id, "Full story")
        # The filter is a field of the page, which only a run of the whole page draws.
        if life.title and st.button(
            "Only this program",
            type="tertiary",
            icon=":material/filter_alt:",
            on_click=_filter,
            args=(life.title,),
        ):
            st.rerun()
    st.caption("Link to this listener")
    st.code(_link(life), language=None, wrap_lines=True)


def _filter(program: str) -> None:
    st.session_state["process"] = program
    _close()


def _tell_closed(reader: Reader, life: Life, at: int) -> None:
    """Say that a listener has closed, and who has its port now."""
    if life.closed_at is None:
        return
    when = f"{moment(life.closed_at, at, viewers_zone())}, {ago(life.closed_at, at)}"
    st.warning(literal(f"Closed {when}."), icon=":material/cancel:")
    heirs = [
        each
        for each in reader.on_port(life.port, 1)
        if each.closed_at is None and each.protocol == life.protocol
    ]
    for heir in heirs:
        owner = heir.title or "a process that is not known"
        # Another listener is another drawer, which only a run of the whole page opens.
        if st.button(
            literal(f"Port {heir.port} is open again: {owner}"), icon=":material/arrow_forward:"
        ):
            open_drawer(heir.id)


def _tell_others(reader: Reader, life: Life) -> None:
    others = reader.siblings(life)
    if not others:
        return
    shown = " ".join(code(f"{address(each)}/{each.protocol}") for each in others[:_MAX_OTHERS])
    more = len(others) - _MAX_OTHERS
    rest = f" and {more:,} more" if more > 0 else ""
    st.markdown(f"**Other ports of this program** {shown}{rest}")


def _link(life: Life) -> str:
    """The address of Now with the filters of now and this drawer."""
    page_url = (st.context.url or "").rstrip("/")
    return f"{page_url}/?{urlencode({**url_state.kept(), _NAME: life.id})}"
