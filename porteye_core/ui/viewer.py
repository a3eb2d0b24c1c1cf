"""The viewer of the page, as far as the page knows who that is."""

import streamlit as st

_MAX_NAME = 200  # characters


def viewer() -> str:
    """The login's address or name, else where the page is looked at."""
    login = st.user.to_dict()
    for name in ("email", "preferred_username", "name", "sub"):
        if login.get("is_logged_in") and login.get(name):
            return str(login[name])[:_MAX_NAME]
    # None on this machine itself.
    return f"a viewer on {st.context.ip_address or 'this machine'}"
