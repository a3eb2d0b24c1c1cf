"""The table of listeners of many hosts; a click leads to the page of their host."""

from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from porteye_core.containers import shown_container
from porteye_core.exposure import Bound
from porteye_core.hidden_owners import reason
from porteye_core.store.fleet.many_hosts.questions import FleetListener
from porteye_core.ui import row_selection
from porteye_core.ui.cell_text import fitted
from porteye_core.ui.context import viewers_zone
from porteye_core.ui.fleet import opinions
from porteye_core.ui.fleet.context import FleetMoment
from porteye_core.ui.fleet.opinions import VERDICT
from porteye_core.ui.layout import fitting, in_order, table_height
from porteye_core.ui.table_columns import columns
from porteye_core.ui.times import moment

_WIDTHS = {
    "host": 140,
    "port": 54,
    "protocol": 64,
    "program": 140,
    "exposure": 110,
    "verdict": 90,
    "address": 100,
    "home": 106,
    "user": 62,
    "pid": 58,
    "since_text": 146,
    "until_text": 146,
}
_CUT = ("host", "program", "address", "home", "user")
_ON_A_PHONE = {"host": 96, "port": 54, "program": 100, "exposure": 108}


def draw(
    listeners: Sequence[FleetListener], at: FleetMoment, key: str, without: Collection[str] = ()
) -> FleetListener | None:
    """Draw the listeners in this order, without some columns; return the one that was clicked.

    Verdicts are told if `without` does not have them, and a file says what is expected.
    """
    widths = fitting(_WIDTHS, _ON_A_PHONE)
    table = cells(listeners, at.now, widths)
    verdicts = None if VERDICT in without else opinions.of_listeners(at, listeners)
    if verdicts is not None:
        table.insert(list(table.columns).index("exposure") + 1, VERDICT, verdicts)
    table = table.drop(columns=list(without), errors="ignore")
    # Listeners are counted by each host for itself; a number that came again has several lives.
    ids = [hash((each.host_id, each.id, each.closed_at)) for each in listeners]
    clicked = row_selection.table(
        table,
        in_order(table.columns, _ON_A_PHONE),
        columns({name: widths[name] for name in table.columns}, verdict=opinions.HELP),
        key=key,
        ids=ids,
        alt="Listeners of many hosts",
        height=table_height(len(table)),
    )
    return listeners[ids.index(clicked)] if clicked in ids else None


def cells(listeners: Sequence[FleetListener], now: int, widths: Mapping[str, int]) -> pd.DataFrame:
    """The cells of the listeners' rows."""
    table = pd.DataFrame(
        {
            "host": [each.host for each in listeners],
            "port": [each.port for each in listeners],
            "protocol": [each.protocol for each in listeners],
            "program": [owner(each.program, each.hidden) for each in listeners],
            "exposure": [[each.exposure] for each in listeners],
            "address": [_address(each) for each in listeners],
            "home": [_home(each) for each in listeners],
            "user": [each.user or "" for each in listeners],
            "pid": pd.array([each.pid for each in listeners], dtype="Int64"),
            "since_text": [since(each.opened_at, now, each.opened_seen) for each in listeners],
            "until_text": [
                "" if each.closed_at is None else since(each.closed_at, now) for each in listeners
            ],
        }
    )
    if not any(table["until_text"]):
        table = table.drop(columns="until_text")
    for name in _CUT:
        table[name] = [fitted(text, widths[name]) for text in table[name].tolist()]
    return table


def _address(of: FleetListener) -> str:
    """Address and interface as ss writes them."""
    v6only = None if of.v6only is None else bool(of.v6only)
    return Bound(of.address, of.interface, v6only=v6only).shown


def _home(of: FleetListener) -> str:
    """The container, by its name, or the systemd unit."""
    if of.container:
        return shown_container(of.container, of.container_name or "", of.pod or "")
    return (of.unit or "").removesuffix(".service")


def owner(program: str | None, hidden: str | None) -> str:
    """The program, or why it is not known."""
    why = reason(hidden, program)
    return program or (why.short if why else "")


def since(opened_at: int, now: int, opened_seen: str = "") -> str:
    """The time of an opening, at least, where nobody saw it."""
    at = moment(opened_at, now, viewers_zone())
    return f"≥ {at}" if opened_seen == "gap" else at
