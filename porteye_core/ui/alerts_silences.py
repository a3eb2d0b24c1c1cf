"""Silences: times in which findings are kept, and told after them if they are still true."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime

import streamlit as st

from porteye_core.errors import FilterError
from porteye_core.filters import ports
from porteye_core.judging.verdicts import Verdict
from porteye_core.store import alerts
from porteye_core.store.alerts import Matcher, Quiet, Silence
from porteye_core.system.plain_text import clean
from porteye_core.ui import notebook
from porteye_core.ui.context import View, draw_again, now, viewers_zone
from porteye_core.ui.markdown import literal
from porteye_core.ui.times import moment

_HOUR = 3_600 * 1_000_000
_LENGTHS = {
    "1 hour": _HOUR,
    "4 hours": 4 * _HOUR,
    "a day": 24 * _HOUR,
    "a week": 168 * _HOUR,
    "30 days": 720 * _HOUR,
}
_ANY = "any"
_TOLD = (Verdict.WIDER, Verdict.OWNER, Verdict.NEW, Verdict.MISSING)
_MAX_PATTERN, _MAX_COMMENT = 100, 200  # characters
_FAILED, _MADE = "silence_failed", "silences_made"


def draw_quiet(windows: Sequence[Quiet]) -> None:
    """Say which quiet windows hold now, by the clock of the machine."""
    here = datetime.fromtimestamp(now() / 1e6)  # noqa: DTZ006 - the windows are of local time
    for each in windows:
        if each.contains(here):
            end = f"{each.end // 60:02}:{each.end % 60:02}"
            st.caption(
                f":material/bedtime: A quiet window of alerts.toml holds until {end} of this"
                " machine's time: what is found is told after it, if it is still true."
            )


def draw(view: View, found: Sequence[Silence], *, disabled: bool) -> None:
    """Draw the silences that are not over, and the form for another one."""
    at = now()
    if not found:
        st.caption("No silence is set: everything is told.")
    for each in found:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(literal(_sentence(each, at)), width="content")
            if st.button("End", key=f"end_silence_{each.id}", type="tertiary", disabled=disabled):
                _end(view, each.id)
    if error := st.session_state.pop(_FAILED, ""):
        st.error(literal(error), icon=":material/error:")
    made = st.session_state.setdefault(_MADE, 0)
    # A popover with another key is closed, and its fields are empty again.
    with (
        st.popover(
            "Add a silence",
            icon=":material/notifications_paused:",
            disabled=disabled,
            key=f"add_silence_{made}",
        ),
        st.form(f"silence_{made}", border=False, enter_to_submit=False),
    ):
        _form(view, made)


def matcher(port: str, program: str, unit: str, user: str, verdict: str, host: str = "") -> Matcher:
    """The matcher of these patterns, of which an empty one takes everything; raises FilterError."""
    texts = {"program": program, "unit": unit, "user": user, "host": host}
    for name, text in {"port": port, **texts}.items():
        if len(text) > _MAX_PATTERN:
            raise FilterError(name, f"This {name} is too long.", f"Use {_MAX_PATTERN} characters.")
    if port.strip():
        ports(port)
    cleaned = {name: clean(text.strip()) for name, text in texts.items()}
    return Matcher(port=port.strip(), verdict="" if verdict == _ANY else verdict, **cleaned)


def in_words(of: Matcher) -> str:
    """The findings that a matcher holds back.

    >>> in_words(Matcher(port="5432", verdict="wider")), in_words(Matcher())
    ('port 5432, verdict wider', 'everything')
    """
    return ", ".join(f"{name} {text}" for name, text in asdict(of).items() if text) or "everything"


def _form(view: View, made: int) -> None:
    st.caption("An empty field is any. `*` and `?` may stand in names.")
    left, right = st.columns(2)
    port = left.text_input("Port", placeholder="5432, 8000-8099", key=f"silence_port_{made}")
    verdict = right.selectbox("Verdict", [_ANY, *_TOLD], key=f"silence_verdict_{made}")
    program = left.text_input("Program", placeholder="node*", key=f"silence_program_{made}")
    unit = right.text_input("Unit", placeholder="nginx.service", key=f"silence_unit_{made}")
    user = left.text_input("User", key=f"silence_user_{made}")
    host = ""
    if view.of_fleet:
        host = left.text_input("Host", placeholder="web*", key=f"silence_host_{made}")
    length = right.selectbox("For", list(_LENGTHS), key=f"silence_length_{made}")
    comment = st.text_input("Comment", max_chars=_MAX_COMMENT, key=f"silence_comment_{made}")
    if not st.form_submit_button("Silence", type="primary"):
        return
    try:
        of = matcher(port, program, unit, user, verdict, host)
    except FilterError as err:
        st.session_state[_FAILED] = str(err)
        draw_again()
        return
    begin = now()
    new = Silence(0, of, begin, begin + _LENGTHS[length], clean(comment.strip()), "", begin)
    _write(view, lambda to, who: alerts.add_silence(to, replace(new, author=who)))


def _end(view: View, silence: int) -> None:
    _write(view, lambda to, _who: alerts.end_silence(to, silence, now()))


def _write(view: View, change: notebook.Change) -> None:
    st.session_state[_FAILED] = notebook.write(view, change)
    if not st.session_state[_FAILED]:
        st.session_state[_MADE] += 1
    draw_again()


def _sentence(of: Silence, at: int) -> str:
    zone = viewers_zone()
    comment = f": {of.comment}" if of.comment else ""
    return (
        f"{in_words(of.matcher)} until {moment(of.until, at, zone)}{comment}"
        f" ({of.author}, {moment(of.at, at, zone)})"
    )
