"""Now: the services that listen now, refreshed by itself."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pandas as pd
import streamlit as st

from porteye_core.model import Filters
from porteye_core.store.reading import Reader, by_service, by_socket
from porteye_core.ui import (
    export_links,
    layout,
    lookup_dialog,
    now_controls,
    now_filters,
    now_groups,
    now_table,
    now_verdicts,
    refresh,
    row_selection,
    since_last_visit,
    url_state,
    verdicts,
)
from porteye_core.ui.context import View, draw_again, now, read, viewers_zone
from porteye_core.ui.listener_drawer import open_drawer
from porteye_core.ui.markdown import literal
from porteye_core.ui.now_filters import Show
from porteye_core.ui.now_groups import By
from porteye_core.ui.now_verdicts import Choice
from porteye_core.ui.pages import view_link
from porteye_core.ui.session_cache import cached
from porteye_core.ui.times import clock
from porteye_core.ui.verdicts import Verdicts

_JUST_CLOSED = 10  # seconds for which a closed row stays
_KEPT, _KEPT_ROWS = "now_read", "now_rows"
_GROUPS = "groups"
_Rows = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True, slots=True)
class _Table:
    """The services that one drawing shows, their moment, and the beginning of the reader's day."""

    services: pd.DataFrame
    moment: now_table.Moment
    midnight: pd.Timestamp


def listening_now() -> None:
    """The filters and the table, drawn anew at each refresh."""
    view = View.current()
    read(view.db, lambda reader: _draw(reader, view))


def follow_the_browser() -> None:
    """Read the choices anew from the URL if the browser went back or forward to it."""
    if url_state.has_navigated():
        for name in (now_filters.KEY, now_verdicts.KEY, *now_controls.KEYS):
            st.session_state.pop(name, None)


def _draw(reader: Reader, view: View) -> None:
    status = reader.status(now())
    if status.is_elsewhere:
        _say_elsewhere(status.host)
        return
    with st.container(horizontal=True, key="now_line", vertical_alignment="center"):
        lookup_dialog.field(view.db)
        place = st.container(width="content")
        with now_controls.options() as options:
            rows = by_service if now_controls.one_row_per_service() else by_socket
            by = now_controls.grouping()
            refresh.choose_rate()
        shown = view.db, view.filters
        moment = refresh.paused_at(shown, now()) or now()
        with options:
            now_controls.free_port(reader, now(), is_open=bool(options.open))
            files = st.container()
        refresh.pause_button(shown, moment)
    table = _read(reader, view.filters, moment, rows)
    found = verdicts.verdicts(
        reader, view, moment, watching=table.moment.watched, paused=refresh.is_paused()
    )
    if found is not None:
        table = replace(table, services=now_verdicts.judged(table.services, found))
    with place:
        numbers = now_filters.counts(table.services, table.midnight, watched=table.moment.watched)
        show = now_filters.choose(numbers)
    still = table.services[~table.services["closed"]]
    count = int(still["listeners"].map(len).sum())
    layout.title(f"{count:,} listener{'' if count == 1 else 's'}")
    with files:
        export_links.draw(view, "now", view.filters, count)
    choice = _verdicts(table.services, found)
    pressed = _changes(reader, view.filters, table)
    now_controls.hidden_owners(now_table.hidden_by_rights(table.services), view.db)
    _notes(table, show)
    fitting = now_filters.shown(table.services, show, table.midnight)
    if choice is not Choice.ALL:
        fitting &= now_verdicts.fitting(table.services, choice)
    clicked = _rows(table, fitting, by, show)
    if (listener := pressed or clicked) is not None:
        open_drawer(listener)


def _read(reader: Reader, filters: Filters, moment: int, rows: _Rows) -> _Table:
    """Read the listeners again only if something was stored or a row has to go, and never while
    the reader has paused."""
    just_closed = _JUST_CLOSED * 1_000_000
    status = reader.status(moment)

    def read_again() -> pd.DataFrame:
        return reader.open_now(filters, moment, moment - just_closed)

    version = moment if refresh.is_paused() else (reader.version(), moment // just_closed)
    listeners = cached(_KEPT, (version, filters), read_again)
    services = cached(_KEPT_ROWS, (version, filters, rows), lambda: rows(listeners.copy()))
    at = pd.Timestamp(moment, unit="us", tz="UTC")
    gone = services["closed"] & (services["closed_at"] <= at - timedelta(seconds=_JUST_CLOSED))
    today = clock(moment, viewers_zone()).replace(hour=0, minute=0, second=0, microsecond=0)
    return _Table(
        services[~gone].reset_index(drop=True) if gone.any() else services,
        now_table.Moment(moment, watched=status.is_current, measured=not View.current().of_host),
        pd.Timestamp(today),
    )


def _verdicts(services: pd.DataFrame, found: Verdicts | None) -> Choice:
    """Draw what the file of expected ports says; return the verdicts to show."""
    if found is None:
        return Choice.ALL
    now_verdicts.error(found)
    if not found.is_judged:
        return Choice.ALL
    with st.container(horizontal=True, key="verdicts", vertical_alignment="center", gap="small"):
        choice = now_verdicts.choose(now_verdicts.counts(services))
        now_verdicts.absent(found.missing)
    return choice


def _changes(reader: Reader, filters: Filters, table: _Table) -> int | None:
    """Draw what has changed since the browser's last visit; return the listener pressed. Of a host
    of a fleet the browser does not tell when that was."""
    moment = table.moment
    since = None if View.current().of_host else since_last_visit.begin(moment.now)
    if since is None:
        return None
    found = since_last_visit.entries(reader, filters, table.services, since, watched=moment.watched)
    return since_last_visit.draw(found, since, moment.now)


def _notes(table: _Table, show: Show) -> None:
    """Draw what the numbers do not say."""
    moment = table.moment
    if refresh.is_paused():
        at = f"{clock(moment.now, viewers_zone()):%H:%M:%S}"
        st.caption(f"Paused: this is what listened at {at}.")
    there = now_filters.already_there(table.services, table.midnight)
    if show is Show.TODAY and there:
        st.caption(
            f"{there:,} more {'was' if there == 1 else 'were'} there already when PortEye began to"
            " watch today: when they opened is not known."
        )


def _rows(table: _Table, chosen: "pd.Series[bool]", by: By, show: Show) -> int | None:
    """Draw the rows that a filter shows, or their groups; return the listener that was clicked."""
    services = table.services[chosen].reset_index(drop=True)
    group = now_controls.opened_group()
    if by is not By.NOTHING and group is not None:
        now_controls.opened_group_line(by, group)
        inside = [name == group for name in now_groups.names(services, by)]
        services = services[inside].reset_index(drop=True)
    if services.empty:
        _say_nothing(table, show)
        return None
    if by is not By.NOTHING and group is None:
        _draw_groups(services, by)
        return None
    page_url = None if View.current().of_host else st.context.url or ""
    return now_table.draw(services, table.moment, page_url)


def _draw_groups(services: pd.DataFrame, by: By) -> None:
    groups = now_groups.groups(services, by)
    # The order of groups changes with every refresh: what was clicked is known by its name.
    ids = [zlib.crc32(name.encode()) for name in groups["name"].tolist()]
    clicked = row_selection.table(
        groups,
        now_groups.shown(groups),
        now_groups.COLUMNS,
        key=_GROUPS,
        ids=ids,
        alt="What listens now, in groups",
        height=now_table.height(len(groups)),
        row_height=now_table.ROW,
    )
    if clicked in ids:
        now_controls.open_group(groups["name"].iloc[ids.index(clicked)])
        draw_again()


def _say_elsewhere(host: str) -> None:
    """Say why nothing is shown as open, and lead to what was."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"Nothing is shown as open here. What {literal(host)} had open is in the history:",
            width="content",
        )
        view_link("history", "Whole history", range="all")


def _say_nothing(table: _Table, show: Show) -> None:
    what = "matches the filters" if show is Show.ALL else "is shown by this choice"
    when = "" if table.moment.watched else ", as it was when the monitor last watched"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"No listener {what}{when}.", width="content")
        if kept := url_state.filters():
            view_link("now", "Clear filters", **dict.fromkeys(kept, ""))


since_last_visit.remember()
follow_the_browser()
refresh.repeat(listening_now)
