"""Receivers of alerts, without their secrets, each with a test message."""

from collections.abc import Mapping, Sequence

import streamlit as st

from porteye_core.store import alerts
from porteye_core.store.alerts import Receiver, Tried
from porteye_core.ui import notebook
from porteye_core.ui.alerts_tables import delivery
from porteye_core.ui.context import View, draw_again, now, viewers_zone
from porteye_core.ui.markdown import literal
from porteye_core.ui.times import moment

_FAILED = "test_failed"


def draw(
    view: View, found: Sequence[Receiver], tests: Mapping[str, Tried], *, disabled: bool
) -> None:
    """Draw each receiver with the result of its latest test, and a button for another one."""
    if not found:
        st.caption("There is no receiver: nobody is told.")
    for each in found:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            least = f", from {each.least}" if each.least else ""
            shown = literal(f"{each.shown}{least}")
            st.markdown(f"**{literal(each.name)}** {shown}", width="content")
            if st.button(
                "Send a test",
                icon=":material/send:",
                key=f"test_{each.name}",
                type="tertiary",
                disabled=disabled,
            ):
                _ask(view, each.name)
            if each.name in tests:
                st.caption(literal(_result(tests[each.name])), width="content")
    if error := st.session_state.pop(_FAILED, ""):
        st.error(literal(error), icon=":material/error:")


def _ask(view: View, receiver: str) -> None:
    st.session_state[_FAILED] = notebook.write(
        view, lambda to, who: alerts.ask_test(to, receiver, who, now())
    )
    draw_again()


def _result(of: Tried) -> str:
    """The result of a test in words."""
    test, message = of
    asked = f"Test asked for {moment(test.asked_at, now(), viewers_zone())} by {test.author}"
    if message is None:
        return f"{asked}: waits for the alerts process."
    state = delivery(message.sent_at, message.failed_at, message.next_at)
    error = f" {message.error}" if message.error else ""
    return f"{asked}: {state}.{error}"
