"""Streamlit's own login, where its secrets configure one."""

import streamlit as st


def logged_in() -> bool:
    """Whether the viewer has logged in; asks who has not, and lets who has log out again."""
    if not st.user.is_logged_in:
        st.title("PortEye", anchor=False)
        st.text("Log in to see what listens on this machine.")
        st.button("Log in", on_click=st.login, type="primary")
        return False
    st.sidebar.button("Log out", on_click=st.logout, icon=":material/logout:")
    return True
