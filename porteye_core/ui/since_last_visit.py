"""The changes since this browser last showed the page."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import streamlit as st

from porteye_core.exposure import Exposure
from porteye_core.model import Filters
from porteye_core.store.reading import Reader
from porteye_core.ui.cell_text import fitted, width_of
from porteye_core.ui.context import viewers_zone
from porteye_core.ui.markdown import literal
from porteye_core.ui.now_table import waiting
from porteye_core.ui.session_cache import cached
from porteye_core.ui.times import ago
from porteye_core.ui.times import moment as time_of

SCRIPT = Path(__file__).with_name("visit.js")
_REACHABLE = frozenset(each.value for each in Exposure if each.is_reachable)
_SINCE, _THEN = "last_visit", "at_last_visit"
_ROOM, _AROUND, _NAME = 600, 40, 150  # pixels: entries in a line at 1280, around each, its program
_LISTED = 50
_YEAR = 366 * 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One change: its kind, the sentence, and the listener that it leads to."""

    kind: str
    text: str
    listener: int


_KINDS = {
    "reachable": (":material/public:", "orange"),
    "waiting": (":material/hourglass_top:", "red"),
    "opened": (":material/add:", "green"),
    "closed": (":material/remove:", "gray"),
}


def begin(now: int) -> int | None:
    """The time at which this browser showed the page before this session, or said that it has read
    what changed; None if it has not, as far as it tells."""
    if _SINCE not in st.session_state:
        port = urlsplit(st.context.url or "").port
        st.session_state[_SINCE] = seen(st.context.cookies.get(f"porteye_seen_{port or ''}"), now)
    since: int | None = st.session_state[_SINCE]
    return since


def remember() -> None:
    """Let the browser remember that it shows the page now."""
    with st.container(key="script"):
        st.html(f"<script>{SCRIPT.read_text('utf-8')}</script>", unsafe_allow_javascript=True)


def entries(
    reader: Reader, filters: Filters, services: pd.DataFrame, since: int, *, watched: bool
) -> list[Entry]:
    """The changes from a time to these services, the most important first."""

    def read_then() -> pd.DataFrame:
        return reader.open_at(filters, since, reader.coverage_at(since, watching=watched))

    # A history that is dropped or moved away changes what was then; what comes does not.
    first = reader.version()._replace(last_event=None, last_process=None, last_tick=None)
    before = cached(_THEN, (first, filters, since), read_then)
    return in_order([*changes(before, services), *(_waiting(services) if watched else ())])


def changes(before: pd.DataFrame, services: pd.DataFrame) -> list[Entry]:
    """The services that became reachable, opened or closed; before: of open_at. A program that
    restarted on its port, or there has other sockets, has stayed."""
    was = before[["id", "port", "process", "exposure"]].to_dict("records")
    were, seats = {row["id"] for row in was}, {_seat(row) for row in was}
    reached = {_seat(row) for row in was if row["exposure"] in _REACHABLE}
    reached_ids = {row["id"] for row in was if row["exposure"] in _REACHABLE}
    found, now = list[Entry](), set[object]()
    columns = ["id", "listeners", "port", "process", "exposure"]
    for row in services.loc[~services["closed"], columns].to_dict("records"):
        ids = row["listeners"]
        now |= {_seat(row), *ids}
        stayed = _seat(row) in seats or not were.isdisjoint(ids)
        was_reached = _seat(row) in reached or not reached_ids.isdisjoint(ids)
        if not was_reached and not _REACHABLE.isdisjoint(row["exposure"]):
            verb = "became reachable" if stayed else "opened, reachable"
            found.append(Entry("reachable", f"{_name(row)} {verb}", row["id"]))
        elif not stayed:
            found.append(Entry("opened", f"{_name(row)} opened", row["id"]))
    gone = {_seat(row): row for row in was if _seat(row) not in now and row["id"] not in now}
    return found + [Entry("closed", f"{_name(row)} closed", row["id"]) for row in gone.values()]


def _seat(row: dict[Any, Any]) -> tuple[object, ...]:
    return row["port"], row["process"]


def in_order(found: Iterable[Entry]) -> list[Entry]:
    """The entries, the most important first."""
    ranks = list(_KINDS)
    return sorted(found, key=lambda each: ranks.index(each.kind))


def draw(found: list[Entry], since: int, now: int) -> int | None:
    """Draw the line of changes; return the listener of the entry that was pressed."""
    when = f"{time_of(since, now, viewers_zone())}, {ago(since, now)}"
    with st.container(
        horizontal=True, key="since_last_visit", vertical_alignment="center", gap="small"
    ):
        if not found:
            st.caption(f"Nothing has changed since you last looked, {when}.", width="content")
            return None
        st.caption(
            "Since you last looked:",
            help=f"This browser last showed the page {when}.",
            width="content",
        )
        shown = fitting(found)
        pressed = [_button(each, "change") for each in found[:shown]]
        if shown < len(found):
            with st.popover(f"{len(found) - shown:,} more", type="tertiary"):
                pressed += [_button(each, "more") for each in found[shown:][:_LISTED]]
                if len(found) - shown > _LISTED:
                    st.caption(f"These are the next {_LISTED}. History has every event.")
        st.button(
            "Seen",
            icon=":material/done:",
            type="tertiary",
            key="seen",
            help="Begin anew from here",
            on_click=_mark_seen,
            args=(now,),
        )
    return next((each for each in pressed if each is not None), None)


def fitting(found: list[Entry]) -> int:
    """The number of entries that one line has room for; at least one."""
    left = _ROOM
    for count, each in enumerate(found):
        left -= round(width_of(each.text)) + _AROUND
        if left < 0:
            return max(1, count)
    return len(found)


def _button(entry: Entry, place: str) -> int | None:
    """Draw an entry; return its listener if it was pressed."""
    icon, colour = _KINDS[entry.kind]
    pressed = st.button(
        f":{colour}[{literal(entry.text)}]",
        icon=icon,
        type="tertiary",
        key=f"{place}_{entry.kind}_{entry.listener}",
        width="content",
    )
    return entry.listener if pressed else None


def _mark_seen(now: int) -> None:
    st.session_state[_SINCE] = now


def seen(cookie: str | None, now: int) -> int | None:
    """The time of the cookie, None if it is none that this page has written."""
    if not cookie or not (cookie.isascii() and cookie.isdecimal() and len(cookie) < 16):
        return None
    at = int(cookie) * 1000
    return at if now - _YEAR < at <= now else None


def _waiting(services: pd.DataFrame) -> list[Entry]:
    full = (services["queue"] >= services["backlog"]) & (services["backlog"] > 0)
    rows = services[full.fillna(value=False).astype(bool)].to_dict("records")
    return [Entry("waiting", f"{_name(row)}: {_wait(row)}", row["id"]) for row in rows]


def _wait(row: dict[Any, Any]) -> str:
    return waiting(row["queue"], row["backlog"])


def _name(row: dict[Any, Any]) -> str:
    """The port, and who has it or why that is not known."""
    who = fitted(row["process"], _NAME)
    return f"{row['port']} {who}"
