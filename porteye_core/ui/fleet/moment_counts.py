"""Counts of what listened at a moment, by port and by host, each as a table that can be clicked."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from porteye_core.store.fleet.many_hosts.questions import HostCount, PortCount
from porteye_core.ui import row_selection
from porteye_core.ui.cell_text import fitted
from porteye_core.ui.layout import table_height
from porteye_core.ui.table_columns import columns

_ROWS = 7  # in sight; the others scroll
_PORTS = {"port": 80, "protocol": 80, "hosts": 90, "listeners": 100}
_HOSTS = {"host": 250, "listeners": 100}


def draw_ports(found: Sequence[PortCount]) -> PortCount | None:
    """Draw the ports with their hosts; return the one that was clicked."""
    table = pd.DataFrame(
        {
            "port": [each.port for each in found],
            "protocol": [each.protocol for each in found],
            "hosts": [each.hosts for each in found],
            "listeners": [each.listeners for each in found],
        }
    )
    # A port has two protocols at most.
    ids = [2 * each.port + (each.protocol == "udp") for each in found]
    clicked = _table(table, _PORTS, "ports_then", ids, "Ports that were open, with their hosts")
    return found[ids.index(clicked)] if clicked in ids else None


def draw_hosts(found: Sequence[HostCount]) -> HostCount | None:
    """Draw the hosts with their listeners; return the one that was clicked."""
    table = pd.DataFrame(
        {
            "host": [fitted(each.host, _HOSTS["host"]) for each in found],
            "listeners": [each.listeners for each in found],
        }
    )
    ids = [each.host_id for each in found]
    clicked = _table(table, _HOSTS, "hosts_then", ids, "Hosts with their listeners")
    return found[ids.index(clicked)] if clicked in ids else None


def _table(
    table: pd.DataFrame, widths: dict[str, int], key: str, ids: Sequence[int], alt: str
) -> int | None:
    # What a column says of now is not so of then.
    of_then: dict[str, Any] = {name: {"help": None} for name in ("hosts", "listeners")}
    with st.container(key=f"{key}_count"):
        return row_selection.table(
            table,
            list(widths),
            columns(widths, **of_then),
            key=key,
            ids=ids,
            alt=alt,
            height=min(table_height(len(table)), table_height(_ROWS)),
        )
