"""Time machine: what listened at any moment, and what changed between two."""

from collections import Counter
from typing import Any

import pandas as pd
import streamlit as st

from porteye_core.store.reading import MomentCoverage, Reader, Status, differences
from porteye_core.ui import row_selection, time_machine_url, time_range
from porteye_core.ui.context import View, local, now, read, viewers_zone
from porteye_core.ui.layout import in_order, table_height
from porteye_core.ui.listener_drawer import open_drawer
from porteye_core.ui.markdown import literal
from porteye_core.ui.pages import story_link
from porteye_core.ui.table_columns import columns
from porteye_core.ui.times import utc

_KEY = "then"
_MINUTE = 60 * 1_000_000
_STEPS = {"−1 day": -1440, "−1 hour": -60, "−1 min": -1, "+1 min": 1, "+1 hour": 60, "+1 day": 1440}

_COLUMNS = columns(
    {
        "port": 52,
        "protocol": 44,
        "service": 60,
        "exposure": 114,
        "certainty": 190,
        "address": 94,
        "process": 100,
        "pid": 60,
        "home": 68,
        "user": 58,
        "clients": 54,
        "cpu": 50,
        "rss": 66,
        "since": 132,
        "queue": 52,
        "backlog": 60,
        "cmdline": 240,
        "parents": 240,
    },
    since={"format": "YYYY-MM-DD HH:mm:ss"},
)
_USED = ("clients", "cpu", "rss", "queue", "backlog")
_CHANGES = columns(
    {
        "change": 120,
        "port": 60,
        "protocol": 48,
        "service": 80,
        "address": 110,
        "was": 210,
        "is": 210,
        "certainty": 190,
    },
    certainty={"help": None},
)
_COLOURS = {"opened": "rgba(0, 158, 115, 0.28)", "closed": "rgba(213, 94, 0, 0.30)"}
_OTHERS = "rgba(0, 114, 178, 0.22)"


def time_machine() -> None:
    """The moment's fields, and what listened then."""
    view = View.current()
    time_machine_url.begin()
    at = _field("at", "At this moment", time_machine_url.an_hour_ago())
    versus = None
    if st.toggle(
        "Compare with another moment", key=time_machine_url.COMPARE, persist_state="session"
    ):
        versus = _field("versus", "And at this one", time_machine_url.this_minute())
    time_machine_url.write(at, versus)
    read(view.db, lambda reader: _draw(reader, view, at, versus))


def _field(name: str, label: str, default: int) -> int:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width=230):
            at = time_range.moment(name, label, default)
        for text, minutes in _STEPS.items():
            st.button(
                text,
                key=f"{name}{minutes}",
                on_click=time_range.set_moment,
                args=(name, at + minutes * _MINUTE),
            )
        st.button("Now", key=f"{name}_now", on_click=_set_now, args=(name,))
    st.caption(literal(f"{local(at)}, exactly {utc(at)}"))
    return at


def _set_now(name: str) -> None:
    time_range.set_moment(name, now())


def _draw(reader: Reader, view: View, at: int, versus: int | None) -> None:
    moment = now()
    current = reader.status(moment)
    table = _at(reader, view, at, moment, current)
    if versus is None:
        if table is not None:
            _show(table)
        return
    other = _at(reader, view, versus, moment, current)
    if table is not None and other is not None:
        _compare(table, other, at, versus)


def _at(reader: Reader, view: View, at: int, moment: int, current: Status) -> pd.DataFrame | None:
    """The listeners of a moment, None with a sentence if nothing can be known of it."""
    if at > moment:
        st.info(literal(f"{local(at)} has not come yet."))
        return None
    how = reader.coverage_at(at, watching=current.is_current)
    if how.gap is not None and how.gap.start is None:
        first = "" if how.gap.end is None else f" The first watch began {local(how.gap.end)}."
        st.info(literal(f"Nobody watched yet at {local(at)}.{first}"))
        return None
    _warn(at, how)
    return reader.open_at(view.filters, at, how)


def _warn(at: int, how: MomentCoverage) -> None:
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


def _show(table: pd.DataFrame) -> None:
    if table.empty:
        st.info("Nothing that the filters let through listened at that moment.")
        return
    st.caption(_certain(table) + _unmeasured(table))
    table["since"] = table["since"].dt.tz_convert(viewers_zone())
    shown = in_order(_columns(table), ("port", "process", "exposure", "certainty"))
    selected = row_selection.table(
        table,
        shown,
        _COLUMNS,
        key=_KEY,
        ids=table["id"].tolist(),
        alt="What listened at that moment",
        height=table_height(len(table)),
    )
    if selected is not None:
        open_drawer(selected)


def _columns(table: pd.DataFrame) -> dict[str, Any]:
    """Without the certainty where all are certain, and without those of what the listeners used
    where that is known of none."""
    measured = table[list(_USED)].notna().any(axis=None)
    left_out = {*(() if measured else _USED), *(() if table["certainty"].any() else ("certainty",))}
    return {name: column for name, column in _COLUMNS.items() if name not in left_out}


def _certain(table: pd.DataFrame) -> str:
    unsure = int((table["certainty"] != "").sum())
    if len(table) == 1:
        return f"1 listener, {'not certain' if unsure else 'certain'}."
    how = f"{unsure:,} of them not certain" if unsure else "all of them certain"
    return f"{len(table):,} listeners, {how}."


def _unmeasured(table: pd.DataFrame) -> str:
    """A sentence about the listeners of which only that they were open is known."""
    blank = int(table[["clients", "cpu", "rss"]].isna().all(axis=1).sum())
    if not blank:
        return ""
    whose = "any of them" if blank == len(table) else f"{blank:,} of them"
    whose = "it" if len(table) == 1 else whose
    return f" What {whose} used then is not known: no sample of it is kept."


def _compare(table: pd.DataFrame, other: pd.DataFrame, at: int, versus: int) -> None:
    first, second = (table, other) if at <= versus else (other, table)
    found = differences(first, second)
    between = f"between {local(min(at, versus))} and {local(max(at, versus))}"
    if found.empty:
        st.info(literal(f"Nothing that the filters let through differs {between}."))
        return
    counts = Counter(found["change"])
    said = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    st.markdown(literal(f"{said} {between}."))
    styles = pd.DataFrame("", index=found.index, columns=list(_CHANGES))
    for row, kind in enumerate(found["change"]):
        styles.iloc[row] = f"background-color: {_COLOURS.get(kind, _OTHERS)}"
    st.dataframe(
        found[list(_CHANGES)].style.apply(lambda _: styles, axis=None),
        column_order=in_order(_CHANGES, ("change", "port", "was", "is")),
        column_config=_CHANGES,
        hide_index=True,
        height=table_height(len(found)),
        key="changes",
        alt="What changed between the two moments",
    )
    with st.expander("Their stories"):
        for each in found.head(20).to_dict("records"):
            place = f"{each['port']}/{each['protocol']}"
            story_link(int(each["id"]), literal(f"{place} {each['change']}"))


time_machine()
