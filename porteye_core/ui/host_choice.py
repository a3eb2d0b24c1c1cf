"""The host of a fleet whose page is drawn: the one that the address names."""

import streamlit as st

from porteye_core.errors import StoreError
from porteye_core.store.database import HostAtServer, find_host
from porteye_core.ui import url_state
from porteye_core.ui.markdown import literal
from porteye_core.ui.pages import all_hosts_link

_LONGEST = 60  # characters of a name that there is not
_AGAIN = 5  # seconds between two tries to reach the server


def chosen(server: str) -> HostAtServer | None:
    """The host, by the address of the fleet's server; None if there is none, which is said with a
    way out."""
    name = url_state.host()
    try:
        found = find_host(server, name)
    except StoreError:
        _try_again(server, name)
        return None
    if found is None:
        said = literal(f"No host “{name[:_LONGEST]}” is enrolled in this fleet.")
        _say(said, ":material/search_off:")
    return found


@st.fragment(run_every=_AGAIN)
def _try_again(server: str, name: str) -> None:
    """Say why the server does not answer, until it does."""
    try:
        find_host(server, name)
    except StoreError as err:
        _say(f"**The fleet cannot be shown.** {literal(err)}", ":material/cloud_off:")
        return
    st.rerun()


def _say(sentence: str, icon: str) -> None:
    with st.container(key="no_host"):
        st.warning(sentence, icon=icon)
        all_hosts_link()
