"""The verdict on a listener, with what people say of it: accepts, a label, a note and a link."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from urllib.parse import urlsplit

import streamlit as st

from porteye_core.errors import FilterError
from porteye_core.judging import note_words
from porteye_core.judging.acceptance import ACCEPTED
from porteye_core.judging.seen import Identity
from porteye_core.judging.verdicts import GRAVE, Verdict
from porteye_core.store import alerts
from porteye_core.store.alerts import Note
from porteye_core.store.reading import Life
from porteye_core.ui import notebook, verdicts
from porteye_core.ui.context import View, draw_again, now, viewers_zone
from porteye_core.ui.markdown import literal
from porteye_core.ui.table_columns import reachable_from
from porteye_core.ui.times import clock, moment
from porteye_core.ui.verdicts import Opinion

_DAY = 86_400 * 1_000_000
_COLORS = {Verdict.EXPECTED: "green", Verdict.UNKNOWN: "gray", Verdict.BRIEF: "gray"}
_PERIODS = {"Until tomorrow": _DAY, "For a week": 7 * _DAY}
_FAILED = "note_failed"


def draw(life: Life) -> None:
    """Draw the verdict and the words, and what can be done about them."""
    view, at = View.current(), now()
    said = verdicts.opinion(view, life, at)
    with st.container(key="opinion", gap="small"):
        if said.is_judged:
            st.markdown(_verdict(said, at))
        _draw_words(said, at)
        refused = notebook.refusal(view)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            if said.is_judged and life.closed_at is None:
                _draw_accept(view, said, disabled=bool(refused))
            _draw_note(view, said, disabled=bool(refused))
        if error := st.session_state.pop(_FAILED, ""):
            st.error(literal(error), icon=":material/error:")
        elif refused:
            st.caption(literal(refused))


def _verdict(said: Opinion, at: int) -> str:
    """The verdict with its reason, as Markdown."""
    found = said.judged.judgement
    if found.why == ACCEPTED:
        return f":green-badge[accepted] {literal(_accepted(said.note, at))}"
    color = "red" if found.verdict in GRAVE else _COLORS[found.verdict]
    why = found.why
    if found.verdict is Verdict.EXPECTED and found.block is not None:
        why = f"line {found.block.line} expects it"
    return f":{color}-badge[{found.verdict}] {literal(why + '.') if why else ''}"


def _accepted(note: Note | None, at: int) -> str:
    if note is None or note.accepted_at is None:
        return "A wider reach of the same is accepted."
    until = "for good"
    if note.accepted_until is not None:
        until = f"until {moment(note.accepted_until, at, viewers_zone())}"
    return f"{until}, by {_signed(note.accepted_by, note.accepted_at, at)}."


def _signed(who: str, then: int, at: int) -> str:
    return f"{who}, {moment(then, at, viewers_zone())}"


def _draw_words(said: Opinion, at: int) -> None:
    label, text, link = said.words
    if label:
        st.markdown(f"**{literal(label)}**")
    for line in text.splitlines():
        st.markdown(literal(line))
    if note_words.is_link(link):
        st.link_button(
            literal(urlsplit(link).netloc), link, icon=":material/link:", type="tertiary"
        )
    note = said.note
    if note is not None and note.words_at is not None:
        st.caption(literal(f"Noted by {_signed(note.words_by, note.words_at, at)}."))


def _draw_accept(view: View, said: Opinion, *, disabled: bool) -> None:
    """Draw the buttons that accept what is not expected, or take that back."""
    # A click on what was shown before accepts nothing: what is shown now has other keys.
    of, note = _version(said), said.note
    if note is not None and note.accepts(now()):
        if st.button("Take back", icon=":material/undo:", key=f"take_back_{of}", disabled=disabled):
            _accept(view, said, None, None)
        return
    if said.judged.judgement.verdict is Verdict.EXPECTED:
        return
    what = f"Accepts {_in_words(said.judged.identity)}, also after a restart."
    if st.button(
        "Accept", icon=":material/check:", key=f"accept_{of}", help=literal(what), disabled=disabled
    ):
        _accept(view, said, now(), None)
    key = f"accept_until_{of}"  # a popover with another key is closed
    with st.popover("Accept until", icon=":material/schedule:", disabled=disabled, key=key):
        st.caption(literal(what))
        with st.container(horizontal=True):
            for label, period in _PERIODS.items():
                if st.button(label, key=f"accept_{period}_{of}"):
                    _accept(view, said, now(), now() + period)
        today = clock(now(), viewers_zone()).date()
        day = st.date_input(
            "Last day", today + timedelta(days=30), min_value=today, key=f"accept_day_{of}"
        )
        if st.button("Through this day", key=f"accept_through_{of}") and day is not None:
            end = datetime.combine(day + timedelta(days=1), time(), viewers_zone())
            _accept(view, said, now(), round(end.timestamp() * 1_000_000))


def _draw_note(view: View, said: Opinion, *, disabled: bool) -> None:
    """Draw the form of label, note and link."""
    note = said.note or Note(said.judged.identity.key, host=view.host)
    # Streamlit keeps what was typed by the key of a field: another version has its own.
    of = _version(said)
    with (
        st.popover("Note", icon=":material/edit_note:", disabled=disabled, key=f"note_on_{of}"),
        st.form(f"note_{of}", border=False, enter_to_submit=False),
    ):
        st.caption(literal(f"On {_in_words(said.judged.identity)}."))
        label = st.text_input(
            "Label", note.label, max_chars=note_words.MAX_LABEL, key=f"label_{of}"
        )
        text = st.text_area("Note", note.text, max_chars=note_words.MAX_TEXT, key=f"text_{of}")
        link = st.text_input(
            "Link",
            note.link,
            max_chars=note_words.MAX_LINK,
            key=f"link_{of}",
            placeholder="https://wiki.example/ssh",
        )
        if st.form_submit_button("Save", type="primary"):
            _save(view, note, label, text, link)


def _version(said: Opinion) -> str:
    """A text that changes with the note."""
    return f"{said.judged.identity.key}_{said.note.at if said.note else 0}"


def _in_words(of: Identity) -> str:
    """An identity in words."""
    owner = of.who or "an owner that is hidden"
    user = f" of {of.user}" if of.user else ""
    port = "every ephemeral port" if of.port is None else f"port {of.port}"
    return f"{owner}{user} on {port}/{of.protocol} ({reachable_from(of.reach)})"


def _accept(view: View, said: Opinion, at: int | None, until: int | None) -> None:
    note = said.note or Note(said.judged.identity.key, host=view.host)
    new = replace(note, accepted_at=at, accepted_until=until, at=now())
    _write(view, lambda to, who: alerts.put_accept(to, replace(new, author=who)))


def _save(view: View, note: Note, label: str, text: str, link: str) -> None:
    try:
        words = note_words.checked(label, text, link)
    except FilterError as err:
        st.session_state[_FAILED] = str(err)
        draw_again()
        return
    new = replace(note, **words._asdict(), at=now())
    _write(view, lambda to, who: alerts.put_words(to, replace(new, author=who)))


def _write(view: View, change: notebook.Change) -> None:
    st.session_state[_FAILED] = notebook.write(view, change)
    draw_again()
