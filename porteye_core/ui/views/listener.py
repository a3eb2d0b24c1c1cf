"""Listener: one life of a listening socket, told."""

import pandas as pd
import streamlit as st

from porteye_core.charts import usage as chart
from porteye_core.programs import DELETED
from porteye_core.store.reading import Former, Held, Life, Reader
from porteye_core.ui.context import View, now, read, viewers_zone
from porteye_core.ui.listener_summary import evidence, sentence
from porteye_core.ui.markdown import literal
from porteye_core.ui.times import moment, rough_length, utc

_MAX_CHOICES, _MAX_EARLIER = 2_000, 10
_CHOSEN = "chosen_listener"


def listener() -> None:
    """The story of the listener that the address names."""
    view = View.current()
    read(view.db, lambda reader: _draw(reader, view))


def _draw(reader: Reader, view: View) -> None:
    said = st.query_params.get("listener", "")
    listener_id = int(said) if said.isascii() and said.isdecimal() and len(said) < 16 else None
    life = None if listener_id is None else reader.listener(listener_id)
    if said and life is None:
        st.warning(
            literal(f"No listener {said[:40]} is recorded. Choose one that is open:"),
            icon=":material/search_off:",
        )
    if life is None:
        _choose(reader)
        return
    _story(reader, life)
    _charts(reader, view, life)
    _context(reader, life)


def _choose(reader: Reader) -> None:
    lives = reader.choices(_MAX_CHOICES)
    if not lives:
        st.info("Nothing listens: there is no story to tell yet.")
        return
    names = {each.id: _name(each) for each in lives}
    st.selectbox(
        "Whose story?",
        list(names),
        index=None,
        format_func=lambda listener_id: names.get(listener_id, str(listener_id)),
        placeholder="Type a port or a process",
        help="The story of a row of the view Now is a click away, too.",
        key=_CHOSEN,
        on_change=_open_chosen,
    )


def _open_chosen() -> None:
    if st.session_state[_CHOSEN] is not None:
        _open(st.session_state[_CHOSEN])


def _open(listener_id: int) -> None:
    st.query_params["listener"] = str(listener_id)


def _name(life: Life) -> str:
    return f"{life.port}/{life.protocol} {life.title or 'unknown'} on {life.bound.shown}"


def _story(reader: Reader, life: Life) -> None:
    moment_now, zone = now(), viewers_zone()
    current = reader.status(moment_now)
    st.subheader(literal(_name(life)), anchor=False)
    st.markdown(literal(sentence(life, moment_now, zone, current.last_watched)))
    exact = f"Opened {utc(life.opened_at)}, seen by {life.opened_seen}."
    if life.closed_at is not None:
        exact += f" Closed {utc(life.closed_at)}, seen by {life.closed_seen}."
    st.caption(literal(f"{exact} {evidence(life)}"))
    if life.parents:
        chain = [*reversed(life.parents)]
        names = [f"{each.name} ({each.pid})" for each in chain]
        st.markdown("**Started by** " + literal(" → ".join([*names, life.title])))
    if life.cmdline:
        st.code(life.cmdline, language=None, wrap_lines=True)
    facts = {
        "Process": "" if life.process == life.title else life.process,
        "Socket made by": "" if life.socket_user == life.user else life.socket_user,
        "Interface": life.bound.interface,
        "Program": _program(life.exe),
        "Folder": life.cwd,
        "Unit": life.unit,
        "Container": life.container,
    }
    st.caption(" · ".join(f"{name}: {literal(text)}" for name, text in facts.items() if text))


def _program(exe: str) -> str:
    path = exe.removesuffix(DELETED)
    return exe if path == exe else f"{path}, deleted or replaced since it was started"


def _charts(reader: Reader, view: View, life: Life) -> None:
    moment_now = now()
    asked = view.filters_at(moment_now)
    until = min(asked.until or moment_now, life.closed_at or moment_now)
    since = max(asked.since or 0, life.opened_at)
    st.markdown("##### What it used")
    if since >= until:
        st.info("It was not open in the time range that the sidebar says.")
        return
    frame = reader.usage(life.id, since, until)
    if frame.empty or not frame.drop(columns="at").notna().any(axis=None):
        st.info("Nothing is known of what it used in the time range that the sidebar says.")
        return
    watching = reader.status(moment_now).is_current
    unwatched = reader.coverage(since, until, watching=watching).frame
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


def _context(reader: Reader, life: Life) -> None:
    before_it = reader.former_owners(life.id)
    if before_it:
        st.markdown("##### Whose it was before")
        _former(before_it)
    held = reader.holders(life.id)
    if len(held) > 1:
        gone = f", and by {life.holders_gone:,} that have ended" if life.holders_gone else ""
        st.markdown(f"##### Held by {len(held)} processes{gone}")
        _holders(held)
    st.markdown(f"##### Earlier on port {life.port}")
    before = reader.earlier(life, _MAX_EARLIER)
    if not before:
        st.caption("Nothing is recorded before it.")
    for each in before:
        _line(each, "earlier")
    others = reader.siblings(life)
    if life.program is not None:
        st.markdown("##### What else this program listens on")
        if not others:
            st.caption("Nothing else.")
        for each in others:
            _line(each, "other")


def _former(owners: list[Former]) -> None:
    table = pd.DataFrame(
        [{name: getattr(each, name) for name in Former.__slots__} for each in owners]
    )
    table["until"] = pd.to_datetime(table["until"], unit="us", utc=True).dt.tz_convert(
        viewers_zone()
    )
    if owners[0].folded:
        st.caption(f"{owners[0].folded:,} earlier ones are not kept one by one.")
    st.dataframe(
        table.drop(columns="folded"),
        hide_index=True,
        column_config={
            "until": st.column_config.DatetimeColumn("Until", format="YYYY-MM-DD HH:mm:ss"),
            "pid": st.column_config.NumberColumn("PID", format="%d"),
            "process": "Process",
            "user": "User",
            "cmdline": "Command line",
            "cwd": "Folder",
        },
        alt="The owners and programs that had it before, the earliest first",
    )


def _holders(held: list[Held]) -> None:
    table = pd.DataFrame([{name: getattr(each, name) for name in Held.__slots__} for each in held])
    table["started_at"] = pd.to_datetime(table["started_at"], unit="us", utc=True).dt.tz_convert(
        viewers_zone()
    )
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "pid": st.column_config.NumberColumn("PID", format="%d"),
            "process": "Process",
            "user": "User",
            "cmdline": "Command line",
            "started_at": st.column_config.DatetimeColumn("Started", format="YYYY-MM-DD HH:mm:ss"),
        },
        alt="The processes that hold it, the oldest first",
    )


def _line(life: Life, section: str) -> None:
    moment_now, zone = now(), viewers_zone()
    until = moment(life.closed_at, moment_now, zone) if life.closed_at else "open"
    lasted = "" if life.closed_at is None else f", {rough_length(life.closed_at - life.opened_at)}"
    # Streamlit's link from a page to itself leaves the address as it was.
    st.button(
        literal(f"{_name(life)}: {moment(life.opened_at, moment_now, zone)} – {until}{lasted}"),
        key=f"{section}_{life.id}",
        type="tertiary",
        icon=":material/article_person:",
        on_click=_open,
        args=(life.id,),
    )


listener()
