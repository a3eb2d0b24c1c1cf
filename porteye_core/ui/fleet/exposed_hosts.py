"""The table of hosts that let others in, with their ports; a click leads to the host."""

from collections.abc import Sequence

import pandas as pd

from porteye_core.reach import REACHABLE
from porteye_core.store.fleet.many_hosts.questions import HostPorts
from porteye_core.ui import row_selection
from porteye_core.ui.cell_text import fitted
from porteye_core.ui.fleet.context import FleetMoment
from porteye_core.ui.fleet.listener_table import since
from porteye_core.ui.layout import fitting, in_order, table_height
from porteye_core.ui.table_columns import columns

WIDEST_FIRST = tuple(reversed(REACHABLE))
_WIDTHS = {
    "host": 170,
    "listeners": 80,
    "exposure": 240,
    "ports": 330,
    "since_text": 160,
}
_ON_A_PHONE = {"host": 110, "ports": 132, "exposure": 112}


def draw(found: Sequence[HostPorts], at: FleetMoment) -> HostPorts | None:
    """Draw the hosts in this order; return the one that was clicked."""
    widths = fitting(_WIDTHS, _ON_A_PHONE)
    table = pd.DataFrame(
        {
            "host": [fitted(each.host, widths["host"]) for each in found],
            "listeners": [each.listeners for each in found],
            "exposure": [
                [reach.value for reach in WIDEST_FIRST if reach.value in each.exposures]
                for each in found
            ],
            "ports": [fitted(_ports(each), widths["ports"]) for each in found],
            "since_text": [since(each.since, at.now) for each in found],
        }
    )
    clicked = row_selection.table(
        table,
        in_order(_WIDTHS, _ON_A_PHONE),
        columns(widths, listeners={"help": None}),
        key="exposed_hosts",
        ids=[each.host_id for each in found],
        alt="Hosts that let others in",
        height=table_height(len(table)),
    )
    return next((each for each in found if each.host_id == clicked), None)


def _ports(of: HostPorts) -> str:
    more = of.port_count - len(of.ports)
    return ", ".join(map(str, of.ports)) + (f" and {more:,} more" if more else "")
