"""Sizes that the views share."""

import streamlit as st

_ROW, _HEADER, _TALLEST = 35, 38, 820  # pixels, as Streamlit draws a table
# Streamlit leaves six empty lines above a page and a thumb's breadth beside it; a table needs them.
_STYLE = "<style>.stMainBlockContainer {padding: 4.2rem clamp(1rem, 2vw, 2.5rem) 2rem}</style>"


def table_height(rows: int) -> int:
    """The height of a table that shows all of these rows, or scrolls."""
    return min(_HEADER + _ROW * rows, _TALLEST)


def use_the_width() -> None:
    """Give the page's content the room that it has."""
    st.html(_STYLE)
