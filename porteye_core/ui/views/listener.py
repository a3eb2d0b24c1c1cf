"""Listener: the story of one life of a listening socket on one page, or what changed last."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from porteye_core.charts import usage as chart
from porteye_core.exposure import exposure
from porteye_core.model import Filters, Precision
from porteye_core.store.reading import Former, Held, Life, PortLife, Reader, gap_frame
from porteye_core.ui import (
    action_tables,
    layout,
    listener_drawer,
    listener_note,
    listener_parts,
    row_selection,
)
from porteye_core.ui.context import View, now, read, viewers_zone
from porteye_core.ui.listener_summary import evidence, markdown, name
from porteye_core.ui.markdown import literal
from porteye_core.ui.table_columns import columns
from porteye_core.ui.times import moment, utc

_MAX_CHOICES, _MAX_CHANGES = 2_000, 50
_CHOSEN = "chosen_listener"
_HOUR, _DAY = 3_600 * 1_000_000, 86_400 * 1_000_000
_CHART_RANGES = {"1 h": _HOUR, "24 h": _DAY, "7 d": 7 * _DAY, "30 d": 30 * _DAY}
_STRIP_RANGES = {"7 d": 7 * _DAY, "30 d": 30 * _DAY}
_HOW_EXACT = {
    Precision.KERNEL: " exactly",
    Precision.POLL: " at the latest, one scan before at the earliest",
    Precision.GAP: " at the latest, while nobody watched",
}
_TIME = "YYYY-MM-DD HH:mm:ss"
_TIMES = {
    "until": st.column_config.DatetimeColumn("Until", format=_TIME),
    "started_at": st.column_config.DatetimeColumn("Started", format=_TIME),
}

_CHANGES = columns(
    {
        "at": 150,
        "kind": 70,
        "port": 60,
        "protocol": 66,
        "process": 200,
        "address": 120,
        "user": 80,
        "pid": 70,
        "cmdline": 400,
    },
    at={"format": _TIME},
)
_OTHERS = columns(
    {"port": 60, "protocol": 66, "exposure": 140, "address": 160, "since": 170},
    since={"format": _TIME},
)


def listener() -> None:
    """The story of the listener that the address names."""
    read(View.current().db, _draw)


def _draw(reader: Reader) -> None:
    said = st.query_params.get("listener", "")
    listener_id = listener_drawer.number(said)
    life = None if listener_id is None else reader.listener(listener_id)
    if said and life is None:
        st.warning(
            literal(f"No listener {said[:40]} is recorded. Choose one that is open, or a change:"),
            icon=":material/search_off:",
        )
    if life is None:
        _choose(reader)
        return
    layout.title(f"{life.port} {life.title or 'unknown'}")
    with st.container(key="story"):
        _summary(reader, life)
        action_tables.draw_of(life.id)
        _port(reader, life)
        _use(reader, life)
        _owners(reader, life)
        _others(reader, life)


def _choose(reader: Reader) -> None:
    """Draw the open listeners to choose one from, and what changed last."""
    with st.container(key="story"):
        st.header("Choose a listener", anchor=False)
        lives = reader.choices(_MAX_CHOICES)
        names = {each.id: name(each) for each in lives}
        if names:
            st.selectbox(
                "Open now",
                list(names),
                index=None,
                format_func=lambda listener_id: names.get(listener_id, str(listener_id)),
                placeholder="Type a port or a process",
                key=_CHOSEN,
                on_change=_open_chosen,
            )
        st.subheader("What changed last", anchor=False)
        changes = reader.events(Filters(limit=_MAX_CHANGES))
        if changes.empty:
            st.caption("Nothing has opened or closed yet.")
            return
        changes["at"] = changes["at"].dt.tz_convert(viewers_zone())
        ids = changes["listener"].tolist()
        _selectable(changes, _CHANGES, ids, "last_changes", "What changed last")


def _selectable(
    frame: pd.DataFrame, config: dict[str, object], ids: list[int], key: str, alt: str
) -> None:
    """Draw a table in which a click on a row opens its listener's story."""
    selected = row_selection.table(
        frame, config, config, key=key, ids=ids, alt=alt, height=layout.table_height(len(frame))
    )
    if selected is not None:
        _open(selected)
        st.rerun()


def _open_chosen() -> None:
    if st.session_state[_CHOSEN] is not None:
        _open(st.session_state[_CHOSEN])


def _open(listener_id: int) -> None:
    st.query_params["listener"] = str(listener_id)


def _summary(reader: Reader, life: Life) -> None:
    at, zone = now(), viewers_zone()
    st.header(literal(name(life)), anchor=False)
    st.markdown(markdown(life, at, zone, reader.status(at).last_watched))
    exact = f"Opened {utc(life.opened_at)}{_HOW_EXACT[life.opened_seen]}."
    if life.closed_at is not None and life.closed_seen is not None:
        exact += f" Closed {utc(life.closed_at)}{_HOW_EXACT[life.closed_seen]}."
    st.caption(literal(f"{exact} {evidence(life)}"))
    owner, steps = st.columns([2, 1], gap="medium")
    with owner:
        listener_note.draw(life)
        listener_parts.draw_other_ends(reader, life)
        listener_parts.draw_owner(life)
        listener_parts.draw_use(reader, life, at)
    with steps:
        listener_parts.draw_steps(reader, life)


def _port(reader: Reader, life: Life) -> None:
    """Draw when the port was open, and the ways to the lives before and after this one."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.subheader(f"Port {life.port}", anchor=False, width="content")
        chosen = st.pills(
            "Days of the strip",
            list(_STRIP_RANGES),
            default="7 d",
            required=True,
            key="strip_range",
            label_visibility="collapsed",
        )
    listener_parts.draw_strip(reader, life, now(), _STRIP_RANGES[chosen])
    before, after = reader.before_and_after(life)
    with st.container(horizontal=True):
        _step(before, "Before it", ":material/arrow_back:")
        _step(after, "After it", ":material/arrow_forward:")
    if before is None:
        st.caption("Nothing is recorded before it.")


def _step(life: PortLife | None, label: str, icon: str) -> None:
    if life is None:
        return
    # Streamlit's link from a page to itself leaves the address as it was.
    st.button(
        literal(f"{label}: {life.process or 'unknown'}, {_when(life)}"),
        key=f"step_{life.id}",
        type="tertiary",
        icon=icon,
        on_click=_open,
        args=(life.id,),
    )


def _when(life: PortLife) -> str:
    at, zone = now(), viewers_zone()
    until = "now" if life.closed_at is None else moment(life.closed_at, at, zone)
    return f"{moment(life.opened_at, at, zone)} – {until}"


def _use(reader: Reader, life: Life) -> None:
    """Draw CPU, memory and clients, over a range of their own that ends with the listener."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.subheader("CPU, memory and clients", anchor=False, width="content")
        chosen = st.pills(
            "Range of the charts",
            list(_CHART_RANGES),
            default="24 h",
            required=True,
            key="use_range",
            label_visibility="collapsed",
        )
    at = now()
    until = at if life.closed_at is None else min(life.closed_at, at)
    since = max(until - _CHART_RANGES[chosen], life.opened_at)
    frame = reader.usage(life.id, since, until) if since < until else pd.DataFrame()
    if frame.empty or not frame.drop(columns="at").notna().any(axis=None):
        st.caption("No sample of it is kept in this range.")
        return
    watching = reader.status(at).is_current
    unwatched = gap_frame(reader.coverage(since, until, watching=watching))
    zone = viewers_zone()
    for each in (frame, unwatched):
        for column in each.select_dtypes("datetimetz"):
            each[column] = each[column].dt.tz_convert(zone).dt.tz_localize(None)
    start, end = (
        pd.Timestamp(edge, unit="us", tz="UTC").tz_convert(zone).tz_localize(None)
        for edge in (since, until)
    )
    st.plotly_chart(
        chart.usage(frame, unwatched, (start, end)),
        key="usage",
        config={"displaylogo": False, "displayModeBar": False},
        alt="CPU, memory, clients and accept queue over time",
    )


def _owners(reader: Reader, life: Life) -> None:
    """Draw the owners that it had before, and all processes that hold it."""
    former = reader.former_owners(life.id)
    if former:
        st.subheader("Owners before", anchor=False)
        _former(former)
    held = reader.holders(life.id)
    if len(held) > 1:
        gone = f", and by {life.holders_gone:,} that have ended" if life.holders_gone else ""
        st.subheader(f"Held by {len(held)} processes{gone}", anchor=False)
        _holders(held)


def _former(owners: list[Former]) -> None:
    if owners[0].folded:
        st.caption(f"{owners[0].folded:,} earlier ones are not kept one by one.")
    _described(owners, "until", "The owners and programs that had it before, the earliest first")


def _holders(held: list[Held]) -> None:
    _described(held, "started_at", "The processes that hold it, the oldest first")


def _described(rows: Sequence[Former | Held], time: str, alt: str) -> None:
    """Draw a table of processes, each with a time in the viewer's zone."""
    names = [each for each in type(rows[0]).__slots__ if each != "folded"]
    table = pd.DataFrame([{each: getattr(row, each) for each in names} for row in rows])
    at = pd.to_datetime(table[time], unit="us", utc=True)
    st.dataframe(
        table.assign(**{time: at.dt.tz_convert(viewers_zone())}),
        hide_index=True,
        column_config={
            time: _TIMES[time],
            "pid": st.column_config.NumberColumn("PID", format="%d"),
            "process": "Process",
            "user": "User",
            "cmdline": "Command line",
            "cwd": "Folder",
        },
        alt=alt,
    )


def _others(reader: Reader, life: Life) -> None:
    """Draw the other listeners of the same program."""
    if life.program is None:
        return
    st.subheader("Other ports of this program", anchor=False)
    others = reader.siblings(life)
    if not others:
        st.caption("None is open.")
        return
    table = pd.DataFrame(
        {
            "port": [each.port for each in others],
            "protocol": [each.protocol.value for each in others],
            "exposure": [exposure(each.bound).value for each in others],
            "address": [each.bound.shown for each in others],
            "since": pd.to_datetime([each.opened_at for each in others], unit="us", utc=True),
        }
    )
    table["since"] = table["since"].dt.tz_convert(viewers_zone())
    ids = [each.id for each in others]
    _selectable(table, _OTHERS, ids, "others", "Other ports of this program")


listener()
