"""The tables of the cursor: what listened then, and what changed around it or to another moment."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from porteye_core.store.reading import (
    Change,
    Changes,
    MomentCoverage,
    changes_frame,
    is_reachable,
    summary,
)
from porteye_core.ui import cell_text, export_links, row_selection, url_state
from porteye_core.ui.context import View, local, viewers_zone
from porteye_core.ui.layout import in_order, table_height
from porteye_core.ui.listener_drawer import open_drawer
from porteye_core.ui.markdown import literal
from porteye_core.ui.table_columns import columns
from porteye_core.ui.times import length

_COLUMNS = columns(
    {
        "port": 56,
        "protocol": 66,
        "process": 150,
        "exposure": 112,
        "certainty": 190,
        "address": 110,
        "pid": 64,
        "home": 90,
        "user": 66,
        "clients": 54,
        "cpu": 50,
        "memory": 70,
        "since": 150,
        "queue": 52,
        "backlog": 60,
        "cmdline": 240,
        "parents": 240,
    },
    since={"format": "ddd D MMM HH:mm"},
)
_USED = ("clients", "cpu", "memory", "queue", "backlog")
_MIB = 1 << 20
_CHANGES = columns(
    {
        "change": 140,
        "port": 60,
        "protocol": 66,
        "process": 150,
        "exposure_was": 120,
        "exposure_is": 116,
        "was": 190,
        "is": 190,
        "openings": 190,
        "address": 140,
        "certainty": 160,
    },
    certainty={"help": None},
)
_CUT = ("process", "was", "is", "openings", "address", "home", "user", "cmdline", "parents")
_OF_THE_PAGE = ("range", "since", "until", "limit")
_ON_A_PHONE = ("port", "process", "exposure", "certainty")
_CHANGES_ON_A_PHONE = ("change", "port", "process", "exposure_is")
# Half transparent, so that the text keeps its contrast on light and dark alike.
_COLOURS = {
    Change.BECAME_REACHABLE: "rgba(213, 94, 0, 0.34)",
    Change.OPENED: "rgba(0, 158, 115, 0.24)",
    Change.CLOSED: "rgba(128, 128, 128, 0.22)",
}


def listeners(view: View, table: pd.DataFrame, at: int) -> None:
    """Draw what listened at a moment."""
    if table.empty:
        st.caption("No listener that was open at this moment matches the filters.")
        return
    st.caption(counted(table) + _unmeasured(table))
    table = table.assign(
        since=table["since"].dt.tz_convert(viewers_zone()),
        memory=(table["rss"].astype("Float64") / _MIB).round(),
    )
    shown = _shown(table)
    order = in_order(shown, _ON_A_PHONE)
    selected = row_selection.table(
        _fitted(table[order], shown),
        order,
        shown,
        key="then",
        ids=table["id"].tolist(),
        alt="What listened at this moment",
        height=table_height(len(table)),
    )
    export_links.draw(view, "at", view.filters, len(table), at=at)
    if selected is not None:
        open_drawer(selected)


def counted(table: pd.DataFrame) -> str:
    """The number of listeners, of those that others could reach, and of uncertain ones."""
    count = len(table)
    reachable = sum(map(is_reachable, table["exposure"]))
    unsure = int((table["certainty"] != "").sum())
    how = "" if not unsure else ("not certain" if unsure == count else f"{unsure:,} not certain")
    said = f"{count:,} {'listener' if count == 1 else 'listeners'}, {reachable:,} reachable"
    return f"{said}, {how}." if how else f"{said}."


def changed(view: View, found: Changes, words: str, parameters: Mapping[str, str]) -> None:
    """Draw what changed; words: the times, as the sentence has them; parameters: those of a link
    to the Timeline that shows the same."""
    _receipt(f"{words}: {summary(found.rows)}.", parameters)
    notes = []
    if found.unwatched:
        notes.append(f"Nobody watched for {length(found.unwatched)} of this time.")
    if found.is_cut:
        notes.append("Of what opened and closed again only the newest is told.")
    if notes:
        st.caption(literal(" ".join(notes)))
    if not found.rows:
        return
    frame = changes_frame(found)
    shown = {name: column for name, column in _CHANGES.items() if _has_any(frame[name])}
    order = in_order(shown, _CHANGES_ON_A_PHONE)
    selected = row_selection.table(
        _coloured(_fitted(frame[order], _CHANGES)),
        order,
        shown,
        key="changes",
        ids=frame["id"].tolist(),
        alt="What changed",
        height=table_height(len(frame)),
    )
    moments = {"at": found.since, "versus": found.until}
    export_links.draw(view, "changes", view.filters, found.count, **moments)
    if selected is not None:
        open_drawer(selected)


def warn(at: int, how: MomentCoverage) -> None:
    """Say that nobody watched at a moment, if so."""
    if how.gap is None or how.gap.start is None:
        return
    until = "now" if how.gap.end is None else local(how.gap.end)
    st.warning(
        literal(
            f"Nobody watched at {local(at)}: the gap is from {local(how.gap.start)} to {until}."
            " What closed in it, or opened in it, did so at a time that is not known."
        ),
        icon=":material/visibility_off:",
    )


def _receipt(sentence: str, parameters: Mapping[str, str]) -> None:
    """Draw the sentence with the link to it, which one press copies together."""
    st.code(f"{sentence}\n{_link(parameters)}".strip(), language=None, wrap_lines=True)


def _link(parameters: Mapping[str, str]) -> str:
    """The address of these moments with the filters, empty where the browser did not say its own.

    Without the range, which means another time tomorrow: the page takes one that has the moment.
    """
    if not st.context.url:
        return ""
    kept = {name: text for name, text in url_state.kept().items() if name not in _OF_THE_PAGE}
    said = urlencode({**kept, **parameters}, safe=":")
    return f"{st.context.url.rsplit('/', 1)[0]}/timeline?{said}"


def _shown(table: pd.DataFrame) -> dict[str, Any]:
    """The columns, without the certainty where all are certain, and without those of what the
    listeners used where that is known of none."""
    measured = table[list(_USED)].notna().any(axis=None)
    left_out = {*(() if measured else _USED), *(() if table["certainty"].any() else ("certainty",))}
    return {name: column for name, column in _COLUMNS.items() if name not in left_out}


def _unmeasured(table: pd.DataFrame) -> str:
    """A sentence about the listeners of which only that they were open is known."""
    blank = int(table[["clients", "cpu", "rss"]].isna().all(axis=1).sum())
    if not blank:
        return ""
    whose = "any of them" if blank == len(table) else f"{blank:,} of them"
    whose = "it" if len(table) == 1 else whose
    return f" What {whose} used then is not known: no sample of it is kept."


def _fitted(table: pd.DataFrame, shown: Mapping[str, Any]) -> pd.DataFrame:
    """The table with texts that are cut with a mark where their columns are narrower."""
    return table.assign(
        **{
            name: [cell_text.fitted(each, shown[name]["width"]) for each in table[name].fillna("")]
            for name in _CUT
            if name in table
        }
    )


def _has_any(column: "pd.Series[Any]") -> bool:
    return bool((column.notna() & (column != "")).any())


def _coloured(frame: pd.DataFrame) -> "pd.DataFrame | Styler":
    """The frame with a colour behind the gravest changes."""
    if not frame["change"].isin(list(_COLOURS)).any():
        return frame
    colours = [
        f"background-color: {_COLOURS[kind]}" if kind in _COLOURS else ""
        for kind in frame["change"]
    ]
    return frame.style.apply(lambda _: colours, subset=["change"])
