"""The table of the services that listen now: its cells and columns."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from porteye_core.exposure import Exposure
from porteye_core.model import Hidden
from porteye_core.ui import cell_text, first_rows, row_selection
from porteye_core.ui.layout import in_order, is_phone
from porteye_core.ui.listener_actions import url_of
from porteye_core.ui.table_columns import columns
from porteye_core.ui.times import up

KEY = "listeners"
ROW = 30  # pixels
_HEADER, _TALLEST = 36, 820
_JUST_OPENED = pd.Timedelta(seconds=60)
_MIB = 1 << 20

# As wide as a window of 1280 pixels leaves room for beside the sidebar, up to “Up”.
_WIDTHS = {
    "port": 54,
    "open": 32,
    "state": 66,
    "protocol": 64,
    "program": 104,
    "label": 80,
    "exposure": 108,
    "verdict": 86,
    "address": 90,
    "home": 68,
    "user": 62,
    "clients": 52,
    "waiting": 124,
    "cpu": 50,
    "memory": 68,
    "up": 66,
    "cmdline": 560,
    "pid": 70,
}
# Columns that are there only if a row has something in them, and those that are wider then, by at
# most so many pixels.
_MEASURED = ("clients", "cpu", "memory")  # of what is watched
_SELDOM = ("state", "home", "waiting", *_MEASURED)
_VERDICT = "verdict"  # there only if something says what is expected
_LABEL = "label"  # there only if a row has one
_WIDER = {"user": 14, "program": 124, "home": 40, "address": 40}
_WIDER_ON_A_PHONE = {"program": 86}
_ON_A_PHONE = ("port", "program", "verdict", "exposure", "state")
_LINKS = ("open",)
_CUT = ("label", "address", "home", "user", "cmdline")
_SHOWN = "now_columns"


@dataclass(frozen=True, slots=True)
class Moment:
    """The moment of a table; watched: somebody watches, so that what is stored is so now; measured:
    there are samples of what listeners use."""

    now: int
    watched: bool
    measured: bool = True


def cells(
    services: pd.DataFrame,
    moment: Moment,
    kept: Collection[str] = _SELDOM,
    page_url: str | None = "",
) -> pd.DataFrame:
    """The cells of these services' rows, as the table shows them; page_url: of the page, from
    which a link leads to a service, None where services are on another machine, which may be in
    another network.

    A column of which most tables have nothing is left out where this one has nothing in it, unless
    it is among the kept.
    """
    table = services[["port", "protocol", "clients", "pid"]].copy()
    table["exposure"] = [each[:1] for each in services["exposure"].tolist()]
    of = services[["protocol", "exposure", "address", "port", "closed"]].to_dict("records")
    if _LABEL in services:
        table[_LABEL] = services[_LABEL]
    if _VERDICT in services:
        table[_VERDICT] = [[each] if each else [] for each in services[_VERDICT].tolist()]
    table["open"] = [_url(each, page_url) for each in of]
    table["state"] = _states(services, moment)
    table["waiting"] = [
        cell_text.fitted(waiting(queue, backlog), _WIDTHS["waiting"])
        for queue, backlog in zip(
            services["queue"].tolist(), services["backlog"].tolist(), strict=True
        )
    ]
    table["cpu"] = services["cpu"].round(1)
    table["memory"] = (services["rss"] / _MIB).round()
    opened = services["since"].astype("int64").tolist()
    table["up"] = [
        up(at, seen, 0, moment.now)
        for at, seen in zip(opened, services["opened_seen"].tolist(), strict=True)
    ]
    is_measured = moment.watched and moment.measured
    if not is_measured:
        table[["clients", "cpu", "memory"]] = pd.NA
        table["waiting"] = ""
    table["home"] = services["home"].map(_text)
    has = {name: any(table[name].tolist()) for name in _SELDOM if name not in _MEASURED}
    has |= dict.fromkeys(_MEASURED, is_measured)
    has["open"] = page_url is not None
    has[_VERDICT] = _VERDICT in services
    has[_LABEL] = _LABEL in services and any(services[_LABEL].tolist())
    stays = set(kept) - {_VERDICT, *(() if _LABEL in services else (_LABEL,))}
    shown = [name for name in _WIDTHS if name in stays or has.get(name, True)]
    wide = widths(shown)
    table["program"] = [
        cell_text.program(process, _text(cwd), wide["program"])
        for process, cwd in zip(services["process"].tolist(), services["cwd"].tolist(), strict=True)
    ]
    for name in (each for each in _CUT if each in shown):
        texts = map(_text, services[name].tolist())
        table[name] = [cell_text.fitted(each, wide[name]) for each in texts]
    return table[shown]


def widths(shown: Collection[str]) -> dict[str, int]:
    """The pixels of these columns; those that are left out make room for others."""
    wider = _WIDER
    taken = _WIDTHS[_VERDICT] if _VERDICT in shown else 0
    spare = max(0, sum(_WIDTHS[name] for name in _SELDOM if name not in shown) - taken)
    if is_phone():
        # The links stand beyond the edge of its screen.
        spare = _WIDTHS["open"] + (0 if "state" in shown else _WIDTHS["state"])
        spare = max(0, spare - taken)
        wider = _WIDER_ON_A_PHONE
    found = {name: _WIDTHS[name] for name in _WIDTHS if name in shown}
    for name, most in ((each, wider[each]) for each in wider if each in found):
        more = min(most, spare)
        found[name] += more
        spare -= more
    return found


def waiting(queue: Any, backlog: Any) -> str:
    """The clients that wait to be accepted, empty if none does.

    >>> waiting(5, 4), waiting(0, 511)
    ('5 wait, room for 4', '')
    """
    if pd.isna(queue) or not queue:
        return ""
    verb = "waits" if queue == 1 else "wait"
    return f"{queue:,} {verb}" + ("" if pd.isna(backlog) else f", room for {backlog:,}")


def draw(services: pd.DataFrame, moment: Moment, page_url: str | None) -> int | None:
    """Draw the table; return the listener whose row the reader has just clicked.

    A column that was there once stays, or columns would jump whenever something opens.
    """
    kept: set[str] = st.session_state.setdefault(_SHOWN, set())
    table = cells(services, moment, kept, page_url)
    kept.update(table.columns)
    config = columns(widths(list(table.columns)), port={"pinned": True})
    shown = in_order(config, _ON_A_PHONE)
    with st.container(key="now_table"):
        columns_ = {name: config[name] for name in shown}
        ports = tuple(table["port"])
        first_rows.draw(table, columns_, ports, row=ROW, header=_HEADER)
        return row_selection.table(
            table,
            shown,
            config,
            key=KEY,
            ids=services["id"].tolist(),
            alt="What listens now",
            height=height(len(table)),
            links=_LINKS,
            row_height=ROW,
        )


def height(rows: int) -> int:
    """The height of a table that shows all of these rows, or scrolls."""
    return min(_HEADER + ROW * rows, _TALLEST)


def _states(services: pd.DataFrame, moment: Moment) -> list[list[str]]:
    """Why a row stands out: it closed or opened just now, its queue is full, or it may have
    closed."""
    at = pd.Timestamp(moment.now, unit="us", tz="UTC")
    fresh = (services["latest"] > at - _JUST_OPENED).fillna(value=False) & moment.watched
    full = (services["queue"] >= services["backlog"]) & (services["backlog"] > 0)
    full = full.fillna(value=False).astype(bool) & moment.watched
    marks = zip(
        services["closed"].tolist(),
        full.tolist(),
        services["unseen"].tolist(),
        fresh.tolist(),
        strict=True,
    )
    return [
        [
            name
            for name, is_so in zip(("closed", "full", "unseen", "new"), each, strict=True)
            if is_so
        ][:1]
        for each in marks
    ]


def _url(service: dict[Any, Any], page_url: str | None) -> str | None:
    """The URL of an open service, by the address that most hosts reach; None if it has none.

    With both protocols, that address may be of either: they have to reach equally far.
    """
    exposures, protocol = service["exposure"], service["protocol"]
    if page_url is None or service["closed"]:
        return None
    if protocol == "udp" or (protocol != "tcp" and len(exposures) != 1):
        return None
    address = service["address"].partition(", ")[0]
    return url_of(Exposure(exposures[0]), address, service["port"], page_url) or None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def hidden_by_rights(services: pd.DataFrame) -> int:
    """The number of services whose owner only more rights would show."""
    return int((services["hidden"] == Hidden.PRIVILEGE.value).sum())
