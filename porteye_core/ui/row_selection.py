"""The row that a reader picked in a table of listeners, which stays picked wherever it moves.

Streamlit keeps the place of a picked row, and other rows come and go above it.
"""

import streamlit as st


def pick(key: str) -> None:
    """Remember whose row was picked in the table with this key, which was drawn with `follow`."""
    rows = st.session_state[key]["selection"]["rows"]
    drawn = st.session_state[_drawn(key)]
    st.session_state[_picked(key)] = drawn[rows[0]] if rows and rows[0] < len(drawn) else None


def picked(key: str, listener_ids: list[int]) -> int | None:
    """The listener whose row is picked, None if none of these is."""
    listener_id: int | None = st.session_state.get(_picked(key))
    return listener_id if listener_id in listener_ids else None


def follow(key: str, listener_ids: list[int]) -> None:
    """Let the picked row stay picked in a table of these listeners that is about to be drawn."""
    st.session_state[_drawn(key)] = listener_ids
    listener_id = st.session_state.get(_picked(key))
    rows = [listener_ids.index(listener_id)] if listener_id in listener_ids else []
    kept = st.session_state.get(key)
    if kept is not None and kept["selection"]["rows"] != rows:
        st.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}


def _drawn(key: str) -> str:
    return f"{key}_drawn"


def _picked(key: str) -> str:
    return f"{key}_picked"
