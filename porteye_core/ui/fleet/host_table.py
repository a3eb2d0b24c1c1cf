"""The table of the hosts: who reports, and what each has."""

from collections.abc import Mapping, Sequence

import pandas as pd

from porteye_core.store.fleet.many_hosts.questions import FleetHost
from porteye_core.ui import row_selection
from porteye_core.ui.cell_text import fitted
from porteye_core.ui.context import viewers_zone
from porteye_core.ui.fleet import opinions
from porteye_core.ui.fleet.context import FleetMoment
from porteye_core.ui.layout import fitting, in_order, table_height
from porteye_core.ui.table_columns import columns
from porteye_core.ui.times import ago, moment

_WIDTHS = {
    "host": 150,
    "host_state": 118,
    "latest": 112,
    "listeners": 76,
    "exposed": 70,
    "findings": 72,
    "events": 78,
    "behind": 62,
    "dropped": 72,
    "clock": 72,
    "version": 66,
    "enrolled": 124,
}
_SELDOM = ("findings", "behind", "dropped")  # there only if a host has any
_ON_A_PHONE = {"host": 128, "host_state": 118, "exposed": 62, "latest": 112}


def draw(hosts: Sequence[FleetHost], at: FleetMoment, exposed: Mapping[int, int]) -> int | None:
    """Draw the hosts in this order; return the number of the one that was clicked."""
    widths = fitting(_WIDTHS, _ON_A_PHONE)
    table = cells(hosts, at.now, exposed, opinions.findings(at), widths["host"])
    shown = in_order(table.columns, _ON_A_PHONE)
    return row_selection.table(
        table,
        shown,
        columns({name: widths[name] for name in table.columns}),
        key="hosts_table",
        ids=[host.id for host in hosts],
        alt="Hosts of the fleet, the gravest states first",
        height=table_height(len(table)),
    )


def cells(
    hosts: Sequence[FleetHost],
    now: int,
    exposed: Mapping[int, int],
    findings: Mapping[str, int],
    wide: int,
) -> pd.DataFrame:
    """The cells of the hosts' rows; a column of which no host has anything is left out.

    wide: pixels of the name.
    """
    zone = viewers_zone()
    table = pd.DataFrame(
        {
            "host": [fitted(host.name, wide) for host in hosts],
            "host_state": [[host.state.value] for host in hosts],
            "latest": ["never" if host.lag is None else ago(0, host.lag) for host in hosts],
            "listeners": [host.listeners for host in hosts],
            "exposed": [exposed.get(host.id, 0) for host in hosts],
            "findings": [None if host.retired_at else findings.get(host.name) for host in hosts],
            "events": [host.events for host in hosts],
            "behind": [host.behind or None for host in hosts],
            "dropped": [host.dropped or None for host in hosts],
            "clock": ["" if host.skew is None else clock(host.skew) for host in hosts],
            "version": [host.version for host in hosts],
            "enrolled": [moment(host.enrolled_at, now, zone) for host in hosts],
        }
    )
    return table.drop(columns=[name for name in _SELDOM if not table[name].any()])


def clock(skew: int) -> str:
    """The difference of a clock, to a tenth of a second.

    >>> clock(12_040_000), clock(-3_600_000_000), clock(-20_000)
    ('+12.0 s', '-3,600.0 s', '+0.0 s')
    """
    return f"{round(skew / 1e6, 1) + 0:+,.1f} s"
