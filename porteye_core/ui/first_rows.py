"""The first rows of a table as HTML, to be read while the browser still fetches its library.

Streamlit draws a table by 1.3 MB of scripts, which a browser asks for only when it has the table.
style.css shows these rows in the table's place until it is drawn.
"""

import re
import time
from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from porteye_core.ui.session_cache import cached

_MAX_ROWS = 25  # rows; more are below the fold of most screens
_YOUNG = 20.0  # seconds, for a slow network
_BEGUN, _KEPT = "first_rows_begun", "first_rows"
_PRINTF = re.compile(r"[^%]*%[,+ ]*[\d.]*[dfs](?:[^%]|%%)*")


def draw(
    table: pd.DataFrame, columns: Mapping[str, Any], of: object, *, row: int, header: int
) -> None:
    """Draw the rows where the next table comes, while a session is young.

    They stay as they are, so that a refresh sends them no second time; others of `of` replace them.
    """
    place = st.empty()  # which keeps the place of what follows when the rows go
    begun = st.session_state.setdefault(_BEGUN, time.monotonic())
    if time.monotonic() - begun < _YOUNG:
        place.html(cached(_KEPT, (of,), lambda: first_rows(table, columns, row=row, header=header)))


def first_rows(table: pd.DataFrame, columns: Mapping[str, Any], *, row: int, header: int) -> str:
    """HTML of the first rows of a table, with the widths and forms of its columns.

    row, header: heights in pixels. A screen reader hears the table alone.
    """
    shown = {name: config for name, config in columns.items() if name in table.columns}
    heads = "".join(_cell("th", shown[name], str(shown[name]["label"])) for name in shown)
    rows = "".join(
        "<tr>" + "".join(_value(shown[name], each[name]) for name in shown) + "</tr>"
        for each in table.head(_MAX_ROWS).to_dict("records")
    )
    return (
        f'<div class="first-rows" aria-hidden="true" style="--row: {row}px; --header: {header}px">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _value(config: Mapping[str, Any], value: Any) -> str:
    kind = config.get("type_config") or {}
    if isinstance(value, list):
        colours = {each["value"]: each for each in kind.get("options", ())}
        chips = (_chip(colours[each]) for each in value if each in colours)
        return _cell("td", config, "".join(chips), is_html=True)
    if value is None or pd.isna(value) or kind.get("type") == "link":
        return _cell("td", config, "")
    form = str(kind.get("format") or "")
    return _cell("td", config, form % value if _PRINTF.fullmatch(form) else str(value))


def _chip(option: Mapping[str, Any]) -> str:
    said = escape(str(option.get("label") or option["value"]))
    return f'<span style="background: {escape(str(option["color"]))}">{said}</span>'


def _cell(tag: str, config: Mapping[str, Any], text: str, *, is_html: bool = False) -> str:
    kind = (config.get("type_config") or {}).get("type")
    side = ' class="number"' if kind == "number" else ""
    width = int(config.get("width") or 0)
    said = text if is_html else escape(text)
    return f'<{tag}{side} style="min-width: {width}px; max-width: {width}px">{said}</{tag}>'
