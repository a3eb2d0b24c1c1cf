"""The table of the newest events of many hosts; a click leads to the listener at its host."""

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from porteye_core.model import Precision
from porteye_core.store.fleet.many_hosts.questions import FleetEvent
from porteye_core.ui import row_selection
from porteye_core.ui.cell_text import fitted
from porteye_core.ui.context import viewers_zone
from porteye_core.ui.fleet.listener_table import owner
from porteye_core.ui.layout import in_order, table_height
from porteye_core.ui.table_columns import columns

_WIDTHS = {
    "at": 164,
    "then": 54,
    "kind": 62,
    "host": 136,
    "port": 56,
    "protocol": 66,
    "program": 150,
    "exposure": 110,
    "address": 100,
    "seen": 100,
    "user": 66,
    "pid": 64,
}
_CUT = ("host", "program", "address", "user")
_ON_A_PHONE = ("at", "port", "kind", "host", "program")
_THEN = ":material/schedule:"
_SEEN = {
    Precision.KERNEL: "exact",
    Precision.POLL: "by a scan",
    Precision.GAP: "unwatched",
}
_KEY, _SHOWN = "fleet_events", "fleet_events_shown"


def draw(found: Sequence[FleetEvent], go_then: Callable[[int], None]) -> FleetEvent | None:
    """Draw the events in this order; return the one that was clicked.

    go_then: called with a time when the reader wants to see what listened then.
    """
    table = cells(found)
    # Events are counted by each host for itself: a place is an id for as long as it is drawn.
    ids = [hash(each.place) for each in found]
    st.session_state[_SHOWN] = [each.at for each in found]
    clicked = row_selection.table(
        table,
        in_order(table.columns, _ON_A_PHONE),
        columns(
            _WIDTHS,
            then={
                "on_click": lambda: _press(go_then),
                "key": f"{_KEY}_then",
                "type": "tertiary",
            },
        ),
        key=_KEY,
        ids=ids,
        alt="Events of many hosts, the newest first",
        height=table_height(len(table)),
        links=("then",),
    )
    return found[ids.index(clicked)] if clicked in ids else None


def cells(found: Sequence[FleetEvent]) -> pd.DataFrame:
    """The cells of the events' rows."""
    table = pd.DataFrame(
        {
            "at": pd.to_datetime([each.at for each in found], unit="us", utc=True),
            "then": [_THEN for _ in found],
            "kind": [each.kind for each in found],
            "host": [each.host for each in found],
            "port": [each.port for each in found],
            "protocol": [each.protocol for each in found],
            "program": [owner(each.program, each.hidden) for each in found],
            "exposure": [[each.exposure] for each in found],
            "address": [each.address for each in found],
            "seen": [_SEEN[Precision(each.seen)] for each in found],
            "user": [each.user or "" for each in found],
            "pid": pd.array([each.pid for each in found], dtype="Int64"),
        }
    )
    table["at"] = table["at"].dt.tz_convert(viewers_zone())
    for name in _CUT:
        table[name] = [fitted(text, _WIDTHS[name]) for text in table[name].tolist()]
    return table


def _press(go_then: Callable[[int], None]) -> None:
    place = st.session_state[f"{_KEY}_then"]["row"]
    shown: list[int] = st.session_state.get(_SHOWN, [])
    if place < len(shown):
        go_then(shown[place])
