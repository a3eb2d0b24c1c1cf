"""First seen: ports that no host of the fleet had before, in the time range of the page."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from porteye_core.store.fleet.many_hosts.questions import EPHEMERAL, FirstSeen, new_ports
from porteye_core.ui import layout, row_selection, time_range
from porteye_core.ui.cell_text import fitted
from porteye_core.ui.context import viewers_zone
from porteye_core.ui.fleet.context import FleetMoment, read
from porteye_core.ui.fleet.pages import go
from porteye_core.ui.markdown import literal
from porteye_core.ui.table_columns import columns
from porteye_core.ui.times import moment

_REFRESH = 30  # seconds
_WIDTHS = {
    "first_seen": 150,
    "port": 64,
    "protocol": 70,
    "first_host": 170,
    "program": 220,
    "exposure": 120,
    "address": 110,
    "hosts_now": 84,
}
_ON_A_PHONE = {"port": 56, "first_host": 110, "first_seen": 126, "hosts_now": 66}


@st.fragment(run_every=_REFRESH)
def first_seen() -> None:
    """The new ports, drawn anew at each refresh."""
    read(_draw)


def _draw(at: FleetMoment) -> None:
    wanted = at.events
    since = at.kept_from if wanted.since is None else wanted.since
    found = new_ports(at.reader, since, at.filters.limit, wanted)
    layout.title(f"{found.count:,} new port{'' if found.count == 1 else 's'}")
    st.caption(literal(_summary(len(found.newest), found.count, found.ephemeral)))
    if found.newest:
        _table(found.newest, at)


def _summary(shown: int, count: int, ephemeral: int) -> str:
    if not count:
        said = "No port that matches the filters was new in the fleet."
    elif shown == count:
        said = f"{count:,} port{' was' if count == 1 else 's were'} new in the fleet."
    else:
        said = f"The newest {shown:,} of {count:,} ports that were new in the fleet."
    if ephemeral:
        said += f" {ephemeral:,} ephemeral ports, from {EPHEMERAL} on, were new, too."
    return said


def _table(found: Sequence[FirstSeen], at: FleetMoment) -> None:
    zone, widths = viewers_zone(), layout.fitting(_WIDTHS, _ON_A_PHONE)
    table = pd.DataFrame(
        {
            "first_seen": [moment(each.at, at.now, zone) for each in found],
            "port": [each.port for each in found],
            "protocol": [each.protocol for each in found],
            "first_host": [fitted(each.host, widths["first_host"]) for each in found],
            "program": [fitted(each.program or "", _WIDTHS["program"]) for each in found],
            "exposure": [[each.exposure] if each.exposure else [] for each in found],
            "address": [fitted(each.address or "", _WIDTHS["address"]) for each in found],
            "hosts_now": [each.hosts for each in found],
        }
    )
    # A port has two protocols at most.
    ids = [2 * each.port + (each.protocol == "udp") for each in found]
    clicked = row_selection.table(
        table,
        layout.in_order(_WIDTHS, _ON_A_PHONE),
        columns(widths),
        key="first_seen_ports",
        ids=ids,
        alt="Ports that are new in the fleet, the newest first",
        height=layout.table_height(len(table)),
    )
    if clicked in ids:
        port = found[ids.index(clicked)]
        go("history", port=str(port.port), protocol=port.protocol)


time_range.pills()
first_seen()
