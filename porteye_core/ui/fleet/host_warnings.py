"""The word above each view about hosts of which the present is not known."""

from collections.abc import Sequence

import streamlit as st

from porteye_core.store.fleet.many_hosts.questions import FleetHost
from porteye_core.ui.fleet import pages
from porteye_core.ui.fleet.host_states import Doubt, doubts
from porteye_core.ui.layout import is_phone
from porteye_core.ui.markdown import literal


def draw(hosts: Sequence[FleetHost]) -> None:
    """Say which of these hosts cannot be trusted, and why; nothing if all can."""
    found = doubts(hosts)
    if not found:
        return
    with st.container(
        horizontal=True, vertical_alignment="center", gap="small", key="host_warnings"
    ):
        said = "  \n".join(map(_line, found))
        st.warning(said, icon=":material/warning:", width="stretch")
        pages.view_link("hosts", "See all hosts")


def _line(of: Doubt) -> str:
    """A line, which has no room on a phone for what it means."""
    meaning = "" if is_phone() else f" {of.meaning}"
    return f"**{literal(of.count)}** {literal(f'{of.names}.{meaning}')}"
