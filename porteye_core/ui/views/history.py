"""History: what opened and closed, newest first, and all of it as CSV or JSON."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from porteye_core.model import Filters, Kind
from porteye_core.store.reading import Reader
from porteye_core.system.clock import timestamp
from porteye_core.ui import (
    cell_text,
    event_rows,
    export_links,
    finding_marks,
    moment_tables,
    row_selection,
    time_range,
)
from porteye_core.ui.context import View, draw_again, now, read, viewers_zone
from porteye_core.ui.layout import in_order, table_height
from porteye_core.ui.listener_drawer import open_drawer
from porteye_core.ui.markdown import literal
from porteye_core.ui.pages import page, parameters_of
from porteye_core.ui.session_cache import cached
from porteye_core.ui.table_columns import columns
from porteye_core.ui.times import dated

_REFRESH = 5  # seconds
_AWAY = 3 * _REFRESH  # seconds without a drawing, after which nobody has been reading
_MAX_READ = 2_000  # events for one page, of which a run of flapping has many
_MINUTE = 60_000_000  # microseconds
_KEY, _KEPT_CHANGES = "events", "history_changes"
_CHANGED = "changed"  # no event of its own: the differences between both ends of the range
_KINDS = {
    "all": "All",
    Kind.OPENED.value: "Opened",
    Kind.CLOSED.value: "Closed",
    _CHANGED: "Changed",
}
_SHOW = "show"  # of the address
_THEN = ":material/schedule:"

_ON_A_PHONE = ("at", "kind", "port", "process", "exposure")
_ANCHOR, _UNFOLDED, _SHOWN, _CLICKED, _KIND, _CHOSEN = (
    f"history_{name}" for name in ("anchor", "unfolded", "shown", "clicked", "kind", "chosen")
)


@dataclass(frozen=True, slots=True)
class _Page:
    """The place of a page among the events: the newest one, or the one before or after an event."""

    before: int | None = None
    after: int | None = None

    @property
    def is_newest(self) -> bool:
        return self.before is None and self.after is None


@dataclass(frozen=True, slots=True)
class _Anchor:
    """The newest event of the newest page while somebody reads it; at: when it was drawn last, in
    seconds of a clock that never steps."""

    of: tuple[object, ...]
    newest: int
    at: float


@st.fragment(run_every=_REFRESH)
def page_of_events() -> None:
    """The newest events that the filters let through, or those around an event."""
    view = View.current()
    read(view.db, lambda reader: _show(reader, view))


def _show(reader: Reader, view: View) -> None:
    if st.session_state.pop(_CHOSEN, False):
        st.rerun()  # the filter by kind is in the sidebar, too
    if (moment := st.session_state.pop(_CLICKED, None)) is not None:
        st.switch_page(page("timeline"), query_params=parameters_of(at=timestamp(moment)))
    filters = _filters_now(view)
    if _shows_changes():
        _draw_kinds()
        _changes(reader, view, filters)
        return
    newest = reader.newest_event()
    at = _page()
    found = None if at.after is None else _after(reader, filters, at.after)
    if found is None:
        at = replace(at, after=None)
        anchor = _anchor(view, filters, newest) if at.is_newest else newest
        found = _before(reader, filters, anchor + 1 if at.before is None else at.before)
    if at.is_newest and found is None:
        _draw_kinds()
        st.info("No event in this time range matches the filters.")
        return
    total = reader.event_count(filters)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        _draw_kinds()
        export_links.draw(view, "history", filters, total, newest=newest)
    _tell_other_hosts(reader)
    with st.container(horizontal=True, vertical_alignment="center", key="paging"):
        _turn_pages(at, found)
        if at.is_newest:
            _announce(len(reader.events(filters, after=anchor)), filters.limit)
        # At the end, where the table's toolbar appears: it would lie over a button.
        st.caption(_shown_of(found, total, is_newest=at.is_newest), width="content")
    if found is not None:
        _table(reader, view, found.frame)


def _draw_kinds() -> None:
    """Draw the filter by kind, as the sidebar has it."""
    kind = st.session_state.get("kind") or "all"
    st.session_state[_KIND] = _CHANGED if _shows_changes() else kind
    st.segmented_control(
        "Events",
        list(_KINDS),
        format_func=_KINDS.__getitem__,
        key=_KIND,
        label_visibility="collapsed",
        on_change=_choose_kind,
        required=True,
    )


def _choose_kind() -> None:
    chosen = st.session_state[_KIND]
    st.session_state["kind"] = "all" if chosen == _CHANGED else chosen
    st.session_state[_CHOSEN] = True
    _turn()
    st.query_params.pop(_SHOW, None)
    if chosen == _CHANGED:
        st.query_params[_SHOW] = _CHANGED


def _shows_changes() -> bool:
    return st.query_params.get(_SHOW) == _CHANGED


def _changes(reader: Reader, view: View, filters: Filters) -> None:
    """Draw what is different at the end of the range, such as exposures, owners and units."""
    moment = now()
    since, until = filters.since or 0, min(filters.until or moment, moment)
    watching = reader.status(moment).is_current
    # An owner that is learnt later need not come with an event.
    of = reader.version().of_events, view.filters, view.length, watching, moment // _MINUTE
    found = cached(
        _KEPT_CHANGES,
        of,
        lambda: reader.changes(filters, since, until, watching=watching) if since < until else None,
    )
    if found is None:
        st.info("Nothing was recorded yet in this time range.")
        return
    ends = {"at": found.since, "versus": found.until}
    words = " to ".join(dated(each, moment, viewers_zone()) for each in ends.values())
    link = {name: time_range.stamp(each) for name, each in ends.items()}
    moment_tables.changed(view, found, words, link)


def _filters_now(view: View) -> Filters:
    """The filters of one drawing; a range that ends now ends at a multiple of the refresh interval,
    so that all questions of a drawing have the same."""
    interval = _REFRESH * 1_000_000
    kind = st.session_state.get("kind")
    chosen = Kind(kind) if kind in set(Kind) else None
    return replace(view.filters_at(now() // interval * interval), kind=chosen)


def _after(reader: Reader, filters: Filters, after: int) -> event_rows.Rows | None:
    """The page of the events after one, None if they do not fill it: then the newest page has
    them."""
    rows = _rows(filters, lambda wanted: reader.events(wanted, after=after), from_oldest=True)
    return rows if rows and len(rows.frame) == filters.limit else None


def _before(reader: Reader, filters: Filters, before: int) -> event_rows.Rows | None:
    """The page of the events before one, None if there are none."""
    return _rows(filters, lambda wanted: reader.events(wanted, before=before))


def _rows(
    filters: Filters, read_events: Callable[[Filters], pd.DataFrame], *, from_oldest: bool = False
) -> event_rows.Rows | None:
    """As many rows as the filters say: of more events where these fold into fewer rows."""
    limit = filters.limit
    count = 2 * limit + 1
    while True:
        found = read_events(replace(filters, limit=count))
        rows = event_rows.rows(found, limit, _unfolded(), from_oldest=from_oldest)
        if rows is None or rows.is_cut or len(found) < count or count > _MAX_READ:
            break
        count *= 4
    # Where all that was read is in the rows, there may be more.
    return rows and replace(rows, is_cut=rows.is_cut or len(found) == count)


def _anchor(view: View, filters: Filters, newest: int) -> int:
    """The newest event of the newest page: it stays while somebody reads, so that the table does
    not move; what came since is announced."""
    of = view.db, view.filters, view.length, filters.kind
    kept: _Anchor | None = st.session_state.get(_ANCHOR)
    moment = time.monotonic()
    if kept is None or kept.of != of or moment - kept.at > _AWAY:
        kept = _Anchor(of, newest, moment)
    st.session_state[_ANCHOR] = replace(kept, at=moment)
    return kept.newest


def _shown_of(found: event_rows.Rows | None, total: int, *, is_newest: bool) -> str:
    if found is None:
        return "There are no older events."
    which = "the newest " if is_newest else ""
    count = len(found.frame)
    rows = f", in {count:,} row{'' if count == 1 else 's'}" if count != found.events else ""
    return f"Showing {which}{found.events:,} of {total:,} events{rows}."


def _turn_pages(at: _Page, found: event_rows.Rows | None) -> None:
    older = newer = None
    if found is not None:
        has_older = found.is_cut if at.after is None else at.after > 0
        older = _Page(before=found.first) if has_older else None
        newer = None if at.is_newest else _Page(after=found.last)
    for label, to in (
        ("Newest", None if at.is_newest else _Page()),
        ("Newer", newer),
        ("Older", older),
        ("Oldest", _Page(after=0) if older else None),
    ):
        st.button(label, on_click=_turn, args=(to,), disabled=to is None)
    if _unfolded():
        st.button("Fold again", on_click=_fold)


def _announce(new: int, limit: int) -> None:
    if new:
        many = f"{new:,}+" if new >= limit else f"{new:,}"
        st.button(
            f"{many} new event{'' if new == 1 else 's'}. Show",
            on_click=_turn,
            type="primary",
            key="show_new",
        )


def _tell_other_hosts(reader: Reader) -> None:
    if others := reader.status(now()).other_hosts:
        st.caption(
            f"The database has history of another machine, too: {literal(', '.join(others))}."
        )


def _table(reader: Reader, view: View, frame: pd.DataFrame) -> None:
    """Draw the rows; a click opens the listener's drawer, or unfolds a run."""
    watching = reader.status(now()).is_current
    frame["seen"] = event_rows.precisions(
        frame, lambda at: reader.coverage_at(at, watching=watching).interval
    )
    is_run = frame["run"] > 0
    is_opening = (frame["kind"] == Kind.OPENED) & ~is_run
    on = finding_marks.verdicts_on(view, frame["listener"][is_opening].tolist())
    if on:
        frame["finding"] = [
            [on[listener]] if opens and listener in on else []
            for listener, opens in zip(frame["listener"], is_opening, strict=True)
        ]
    frame["kind"] = frame["kind"].where(is_run, event_rows.kinds(frame))
    frame["seen"] = frame["seen"].mask(is_run, "")
    frame["then"] = _THEN
    frame["exposure"] = [[each] for each in frame["exposure"]]
    for name in _CUT:
        texts = frame[name].fillna("").tolist()
        frame[name] = [cell_text.fitted(each, _WIDTHS[name]) for each in texts]
    frame["at"] = frame["at"].dt.tz_convert(viewers_zone())
    st.session_state[_SHOWN] = frame["at"].astype("int64").tolist()
    config = _COLUMNS if on else {each: of for each, of in _COLUMNS.items() if each != "finding"}
    selected = row_selection.table(
        frame,
        in_order(config, _ON_A_PHONE),
        {**config, "kind": _WIDE_KIND} if is_run.any() else config,
        key=_KEY,
        ids=frame["id"].tolist(),
        alt="Events, the newest first",
        height=table_height(len(frame)),
    )
    if selected is not None:
        place = frame["id"].tolist().index(selected)
        if run := int(frame["run"].iloc[place]):
            st.session_state[_UNFOLDED] = {*_unfolded(), run}
            draw_again()
        open_drawer(int(frame["listener"].iloc[place]))


def _go_to_moment() -> None:
    place = st.session_state["history_then"]["row"]
    shown: list[int] = st.session_state.get(_SHOWN, [])
    if place < len(shown):
        st.session_state[_CLICKED] = shown[place]


def _unfolded() -> set[int]:
    unfolded: set[int] = st.session_state.get(_UNFOLDED, set())
    return unfolded


def _fold() -> None:
    st.session_state.pop(_UNFOLDED, None)


def _page() -> _Page:
    """The page that the address names."""
    return _Page(_event("before"), _event("after"))


def _event(name: str) -> int | None:
    text = st.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def _turn(to: _Page | None = None) -> None:
    """Turn to a page; the newest one has no name in the address."""
    st.session_state.pop(_ANCHOR, None)
    to = to or _Page()
    for name, event in (("before", to.before), ("after", to.after)):
        if event is None:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = str(event)


_WIDTHS = {
    "at": 158,
    "then": 60,
    "kind": 90,
    "finding": 84,
    "port": 56,
    "protocol": 66,
    "process": 130,
    "exposure": 104,
    "address": 92,
    "seen": 104,
    "pid": 64,
    "home": 70,
    "user": 56,
    "service": 76,
    "cmdline": 240,
}
_COLUMNS = columns(
    _WIDTHS,
    then={"on_click": _go_to_moment, "key": "history_then", "type": "tertiary"},
)
_CUT = ("process", "address", "home", "user")
_WIDE_KIND = columns({"kind": 240})["kind"]  # for the words of a run

time_range.pills()
page_of_events()
