"""Tables and sizes that the views share."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import pandas as pd
import streamlit as st

_ROW, _HEADER, _TALLEST = 35, 38, 820  # pixels, as Streamlit draws a table
ADDRESS_HELP = "As ss writes it — 0.0.0.0%lo: bound to the interface lo; *: IPv4 and IPv6"
# Streamlit leaves six empty lines above a page and a thumb's breadth beside it; a table needs them.
# Its counts are as tall as a chart each, and on a phone they would fill the screen. A table's
# toolbar lies above it, where it would cover a count. Captions and the words of a chart are
# fainter, and commands in captions smaller, than can be read. What was wrong with a filter stands
# in the sidebar, and above the view while that is closed. Streamlit's download of a table writes a
# name like =1+1 as a formula, which PortEye's exports do not. Its menu offers to record the screen,
# which PortEye's Permissions-Policy refuses. The links to the views stand in the
# empty header where they fit beside its buttons; Streamlit's own would lose the filters, and hide
# in the sidebar on a phone.
_STYLE = """<style>
.stMainBlockContainer {padding: 4.2rem clamp(1rem, 1.25vw, 2.5rem) 2rem}
[data-testid=stMetric] > div:first-child {padding: .3rem .7rem}
.st-key-told {min-height: 3.9rem; gap: 0}
.st-key-headline {gap: .6rem}
.st-key-headline > * {flex: 1 1 7.5rem; min-width: 0}
.st-key-headline > * > * {padding: .3rem .7rem}
.st-key-headline [data-testid=stMetric] > div:first-child {padding: 0}
.spark {height: 3rem; background: currentColor; opacity: .75;
    -webkit-mask-size: 100% 100%; mask-size: 100% 100%}
[data-testid=stElementToolbarButton]:has([aria-label^="Download as CSV"]) {display: none}
[data-testid=stMainMenuItem-recordScreencast] {display: none}
.stApp:has([data-testid=stSidebar][data-collapsed=false]) .st-key-complaints {display: none}
[data-testid=stLayoutWrapper]:has([data-testid=stMetric]) +
    .stElementContainer:has([data-testid=stDataFrame]) {margin-top: 1.6rem}
[data-testid=stCaptionContainer], .caption {opacity: .78 !important}
.caption {font-size: .875rem; margin: 0}
[data-testid=stCaptionContainer] code {font-size: .8rem !important; color: inherit !important}
:is(a, button, summary, [tabindex="0"]:not(input), [role=tab], [role=option]):focus-visible,
.stSidebar :is(.stTextInput, .stNumberInput, .stSelectbox, .stDateTimeInput)
    > div:has(input:focus-visible) {
    outline: 3px solid #D55E00 !important; outline-offset: 2px
}
.st-key-views {gap: .6rem .8rem}
.st-key-quick button {padding-inline: .5rem; white-space: nowrap}
.js-plotly-plot text:not(.hoverlayer text) {fill: currentColor !important; opacity: .8}
@media (min-width: 1000px) {
    .st-key-views {position: fixed; top: 1.25rem; width: auto; z-index: 999991}
    .stApp:has([data-testid=stSidebar][data-collapsed=true]) .st-key-views {margin-left: 2.5rem}
    .stElementContainer:has(> .st-key-views), [data-testid=stLayoutWrapper]:has(> .st-key-views)
        {position: absolute}
}
@media (max-width: 640px) {
    .st-key-headline > *, .stElementContainer:has(> [data-testid=stMetric])
        {flex: 1 1 28%; min-width: 0}
    .stElementContainer:has(.spark) {display: none}
    [data-testid=stMetricValue] {font-size: 1.1rem}
}
@media (prefers-reduced-motion: reduce) {
    *, *::before, *::after {
        animation-duration: 1ms !important; animation-iteration-count: 1 !important;
        transition-duration: 1ms !important; scroll-behavior: auto !important
    }
}
</style>"""


def show_table(
    table: pd.DataFrame,
    columns: Mapping[str, Any],
    on_a_phone: Iterable[str],
    *,
    key: str,
    alt: str,
    on_select: Callable[[], None] | Literal["ignore"] = "ignore",
) -> None:
    """Draw these columns of a table, as tall as it is; a row can be picked where something is to
    be done then."""
    st.dataframe(
        table,
        column_order=in_order(columns, on_a_phone),
        column_config=dict(columns),
        hide_index=True,
        height=table_height(len(table)),
        key=key,
        placeholder="",
        alt=alt,
        on_select=on_select,
        selection_mode="single-row",
    )


def table_height(rows: int) -> int:
    """The height of a table that shows all of these rows, or scrolls."""
    return min(_HEADER + _ROW * rows, _TALLEST)


def is_phone() -> bool:
    """Whether the browser says so; the width of its window is not known to the server."""
    # What MDN recommends to look for.
    return "Mobi" in str(st.context.headers.get("User-Agent", ""))


def in_order(columns: Iterable[str], on_a_phone: Iterable[str]) -> list[str]:
    """The columns as they stand; on a phone, those which fit its width come first."""
    all_ = list(columns)
    first = [each for each in on_a_phone if each in all_] if is_phone() else []
    return list(dict.fromkeys([*first, *all_]))


def use_the_width() -> None:
    """Give the page's content the room that it has."""
    st.html(_STYLE)
