"""The lookup: a field that finds the listeners of whatever is typed or pasted, while it is typed.

It stands in a dialog that a key opens on every page, and in a view that draws it.
"""

from pathlib import Path

import streamlit as st

from porteye_core.pasted_text import meaning
from porteye_core.store.database import Database
from porteye_core.store.reading import Answer, Life, Reader, answers
from porteye_core.ui import layout
from porteye_core.ui.context import now, read, viewers_zone
from porteye_core.ui.listener_drawer import open_drawer
from porteye_core.ui.listener_summary import markdown
from porteye_core.ui.markdown import code, literal
from porteye_core.ui.times import moment

_LABEL = "Find a port, program or pid"
_SHORT = "Port, program, pid"
_EXAMPLES = "3000, nginx, pid 812, user:dev, a URL or an error"
_MAX_ANSWERS = 8
_PAUSE = "200ms"  # in typing, before it is answered
_SCRIPT = Path(__file__).with_name("lookup.js")


def script() -> str:
    """The script of the page that opens the lookup and keeps what is typed until it is there."""
    return _SCRIPT.read_text("utf-8")


def button(db: Database) -> None:
    """Draw the button, which its key presses from anywhere on the page."""
    key = None if layout.is_phone() else "Ctrl+K"
    if st.button("Find", icon=":material/search:", shortcut=key, key="quick", width="stretch"):
        _ask(db)


@st.fragment
def field(db: Database) -> None:
    """Draw the field in a view, with its answers over what is below while it has the focus."""
    with st.container(key="find_place"):
        text = _input("find", _SHORT if layout.is_phone() else f"{_SHORT} ( / )")
        if text.strip():
            with st.container(key="find_answers", border=True):
                _answer(db, text)


@st.dialog(_LABEL)
def _ask(db: Database) -> None:
    text = _input("lookup", _EXAMPLES)
    if text.strip():
        _answer(db, text, "lookup")
    else:
        st.caption(
            "Port, range, pid, program, user:name, unit, container, address or URL; or paste an"
            " error, or a line of ss, lsof, netstat or docker ps."
        )


def _input(key: str, placeholder: str) -> str:
    return st.text_input(
        _LABEL,
        key=key,
        type="search",
        live=_PAUSE,
        placeholder=placeholder,
        label_visibility="collapsed",
    )


def _answer(db: Database, text: str, place: str = "find") -> None:
    read(
        db, lambda reader: _draw(reader, list(answers(reader, meaning(text), _MAX_ANSWERS)), place)
    )


def _draw(reader: Reader, found: list[Answer], place: str) -> None:
    """Draw the answers: what is open first; what was never there only if nothing was found.

    place: the field, which may stand on the page beside the dialog.
    """
    known = [each for each in found if each.lives]
    last_watched = reader.status(now()).last_watched
    drawn = set[int]()  # a process can listen on a port that has the number of its pid
    for each in sorted(known, key=lambda each: not each.is_open) or found[:1]:
        if not each.is_open:
            _draw_absence(each, last_watched)
        for life in each.lives:
            if life.id not in drawn:
                _draw_life(life, last_watched, place)
                drawn.add(life.id)
        if len(each.lives) == _MAX_ANSWERS:
            st.caption(f"The first {_MAX_ANSWERS}; the filters of the sidebar show them all.")


def _draw_absence(of: Answer, last_watched: int | None) -> None:
    at, zone = now(), viewers_zone()
    said = of.nothing
    if last_watched is not None:
        said = said.replace(" listens", " listened", 1)
        said += f" when it was last watched, {moment(last_watched, at, zone)}"
    if not of.lives:
        st.markdown(literal(f"{said}, and nothing is recorded of it before."))
        return
    last = of.lives[0]
    closed = "" if last.closed_at is None else f", closed {moment(last.closed_at, at, zone)}"
    st.markdown(literal(f"{said}. Last: {last.title or 'an unknown owner'}{closed}."))


def _draw_life(life: Life, last_watched: int | None, place: str) -> None:
    with st.container(key=f"answer_{place}_{life.id}", gap=None):
        st.markdown(markdown(life, now(), viewers_zone(), last_watched))
        ran = [code(life.cmdline)] if life.cmdline else []
        if life.cwd:
            ran.append(f"in {code(life.cwd)}")
        if ran:
            st.caption(" ".join(ran))
        if st.button("Details", key=f"details_{place}_{life.id}", type="tertiary"):
            open_drawer(life.id)
