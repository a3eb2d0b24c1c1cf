"""Tables and sizes that the views share."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

_ROW, _HEADER, _TALLEST = 35, 38, 820  # pixels, as Streamlit draws a table
_TITLE, _OF = "tab_title", "tab_host"
_STYLE = Path(__file__).with_name("style.css")


def show_table(
    table: pd.DataFrame,
    columns: Mapping[str, Any],
    on_a_phone: Iterable[str],
    *,
    key: str,
    alt: str,
) -> None:
    """Draw these columns of a table, as tall as it is."""
    st.dataframe(
        table,
        column_order=in_order(columns, on_a_phone),
        column_config=dict(columns),
        hide_index=True,
        height=table_height(len(table)),
        key=key,
        placeholder="",
        alt=alt,
    )


def table_height(rows: int) -> int:
    """The height of a table that shows all of these rows, or scrolls."""
    return min(_HEADER + _ROW * rows, _TALLEST)


def is_phone() -> bool:
    """True if the browser says so; the server does not know the width of its window."""
    # What MDN recommends to look for.
    return "Mobi" in str(st.context.headers.get("User-Agent", ""))


def in_order(columns: Iterable[str], on_a_phone: Iterable[str]) -> list[str]:
    """The columns as they stand; on a phone, those which fit its width come first."""
    all_ = list(columns)
    first = [each for each in on_a_phone if each in all_] if is_phone() else []
    return list(dict.fromkeys([*first, *all_]))


def fitting(widths: Mapping[str, int], on_a_phone: Mapping[str, int]) -> dict[str, int]:
    """The widths of columns in pixels; on a phone, those which fit its width."""
    return {**widths, **(on_a_phone if is_phone() else {})}


def style() -> str:
    """The CSS of the page, which the server puts into it."""
    return _STYLE.read_text("utf-8")


def title(text: str, *, anew: bool = False, host: str = "") -> None:
    """Name the browser's tab after what the page shows. A fragment may call it at each run; anew:
    this run has named it otherwise, and begins the page of this host of a fleet, if it is of
    one."""
    if anew:
        st.session_state[_OF] = host
    named = " - ".join(filter(None, (text, st.session_state[_OF], "PortEye")))
    if anew or st.session_state.get(_TITLE) != named:
        st.session_state[_TITLE] = named
        st.set_page_config(page_title=named)
