"""The dialog that stops the owner of a listener, where PORTEYE_STOP is on."""

import signal
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from porteye_core import stopping
from porteye_core.errors import StopError, StoreError
from porteye_core.store.reading import Life, Reader, monitor_status
from porteye_core.ui import notebook
from porteye_core.ui.action_journal import Journal
from porteye_core.ui.context import View, draw_again, now, read, viewers_zone
from porteye_core.ui.listener_actions import STOPS_UNIT, stops_by_process
from porteye_core.ui.listener_summary import markdown
from porteye_core.ui.markdown import code, literal
from porteye_core.ui.stop_target import target_of

_KEY = "stopping"  # in the session
_UNTYPED = "The port was not typed"


@dataclass(slots=True)
class _Asked:
    """A question to a viewer, and its answer.

    life, target and offer stay those that were shown first, whoever has the listener later: what is
    confirmed is what was read.
    """

    life: Life
    summary: str
    target: stopping.Target | None
    offer: stopping.Offer
    outcome: stopping.Outcome | None = None
    error: str = ""


def button(life: Life) -> None:
    """Draw the button that opens the dialog, where the owner of a listener can be stopped."""
    if not View.current().stops or life.closed_at is not None or not stops_by_process(life):
        return
    reason = stopping.unavailable()
    if reason:
        st.caption(literal(reason))
    # A dialog stands above the page, which only a run of the whole page draws.
    elif st.button("Stop it here", icon=":material/stop_circle:", key=f"stop_{life.id}"):
        st.session_state[_KEY] = life.id
        st.rerun()


def draw(db: Path) -> bool:
    """Draw the dialog if a viewer has asked for it, and tell whether."""
    context = get_script_run_ctx()
    if not View.current().stops or _KEY not in st.session_state:
        return False
    if context is not None and context.has_dialog_opened:
        _close()  # the lookup was opened over it
        return False
    if not isinstance(st.session_state[_KEY], _Asked):
        read(db, lambda reader: _begin(reader, st.session_state.pop(_KEY)), silent=True)
    asked: _Asked | None = st.session_state.get(_KEY)
    if asked is None:
        return False
    title = literal(f"Stop {asked.life.title or 'the process'} on port {asked.life.port}")
    st.dialog(title, on_dismiss=_close)(_contents)(db, asked)
    return True


def _begin(reader: Reader, listener_id: int) -> None:
    """Keep what is known of a listener and its owner now."""
    life = reader.listener(listener_id)
    if life is None:
        return
    at = now()
    status = reader.status(at)
    summary = markdown(life, at, viewers_zone(), status.last_watched)
    found = target_of(reader, life)
    if isinstance(found, stopping.Refusal):
        st.session_state[_KEY] = _Asked(life, summary, None, stopping.Offer(found))
    else:
        offer = stopping.offer(found, status.pid)
        st.session_state[_KEY] = _Asked(life, summary, found, offer)


def _close() -> None:
    st.session_state.pop(_KEY, None)


def _contents(db: Path, asked: _Asked) -> None:
    if asked.outcome is not None:
        _tell(db, asked, asked.outcome)
        return
    st.markdown(asked.summary)
    if asked.offer.refusal is not None or asked.target is None:
        _refuse(asked.offer.refusal)
    else:
        _ask(db, asked, asked.target)


def _ask(db: Path, asked: _Asked, target: stopping.Target) -> None:
    """Draw the first question: the unit or the process, once the port is typed."""
    with st.form("stop", border=False):
        by = _way(asked.life, target, asked.offer.unit)
        typed = st.text_input(f"Type the port, {target.port}, to confirm", key="stop_port")
        confirmed = st.form_submit_button("Stop", type="primary")
    below = st.empty()
    if not confirmed:
        if asked.error:
            below.warning(literal(asked.error))
        return
    if typed.strip() == str(target.port):
        with below:
            _stop(db, asked, target, by)
    else:
        what = f"“{typed[:20]}” is not the port, {target.port}" if typed.strip() else _UNTYPED
        asked.error = f"{what}. Nothing was done."
    draw_again()


def _refuse(refusal: stopping.Refusal | None) -> None:
    if refusal is None:
        return
    st.info(literal(f"It cannot be stopped from here. {refusal.message}"))
    if refusal.command:
        st.code(refusal.command, language=None, wrap_lines=True)


def _way(life: Life, target: stopping.Target, unit: stopping.Unit | None) -> stopping.By:
    """Draw the choice between unit and process, where there is one."""
    if unit is None:
        st.caption("It gets the signal SIGTERM, and five seconds to end.")
        return signal.SIGTERM
    ways: dict[str, stopping.By] = {"unit": unit, "process": signal.SIGTERM}
    names = {
        "unit": f"Stop the unit {literal(unit.name)}",
        "process": f"Stop {literal(target.shown)} alone",
    }
    # A process that something in a service has started is stopped alone first.
    first = "unit" if stops_by_process(life) == STOPS_UNIT else "process"
    chosen = st.radio(
        "What to stop",
        list(ways),
        index=list(ways).index(first),
        format_func=names.__getitem__,
        captions=(
            f"{code(unit.command())}: all of its processes, and none comes back.",
            "By SIGTERM. A unit may start it again.",
        ),
        key="stop_way",
    )
    return ways[chosen]


def _stop(db: Path, asked: _Asked, target: stopping.Target, by: stopping.By) -> None:
    """Stop it, and remember what became of it."""
    view = View.current()
    asked.error = ""
    try:
        journal = Journal(view.alerts_file, notebook.author(view.access))
        with st.spinner("Waiting for its end, five seconds at most"):
            asked.outcome = stopping.stop(target, by, monitor_status(db, now()).pid, journal)
    except StopError as err:
        asked.error = f"Nothing was done. {err}"
    except StoreError as err:
        asked.error = f"Nothing was done, because it cannot be noted. {err}"


def _tell(db: Path, asked: _Asked, outcome: stopping.Outcome) -> None:
    """Draw what became of it, and the second question if there is one."""
    target = asked.target if outcome.may_kill else None
    question = "SIGKILL ends it at once. It can save nothing then, and what it was doing is lost."
    said = (outcome.text, asked.error, question if target else "")
    # One element for all: another number of them would leave some of the run before for a while.
    st.markdown("\n\n".join(literal(each) for each in said if each))
    buttons, below = st.container(horizontal=True), st.empty()
    if target and buttons.button("Kill it", icon=":material/bolt:", key="stop_kill"):
        with below:
            _stop(db, asked, target, signal.SIGKILL)
        draw_again()
    if buttons.button("Leave it" if target else "Done", type="primary", key="stop_done"):
        _close()
        st.rerun()
