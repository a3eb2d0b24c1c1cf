"""Hosts: who reports to the fleet, and of whom the present is not known."""

import streamlit as st

from porteye_core.store.fleet.many_hosts.questions import HostState, exposed_counts
from porteye_core.ui import layout
from porteye_core.ui.fleet import choices, host_table
from porteye_core.ui.fleet.context import FleetMoment, read
from porteye_core.ui.fleet.host_states import counts, gravest_first
from porteye_core.ui.fleet.pages import go_to_host

_REFRESH = 5  # seconds
_ALL = "all"


@st.fragment(run_every=_REFRESH)
def hosts() -> None:
    """The counts of the states and the table, drawn anew at each refresh."""
    read(_draw, warn=False)


def _draw(at: FleetMoment) -> None:
    state = _choose(at)
    shown = [each for each in gravest_first(at.hosts) if state in {None, each.state}]
    layout.title(f"{len(at.hosts):,} host{'' if len(at.hosts) == 1 else 's'}")
    clicked = host_table.draw(shown, at, exposed_counts(at.reader))
    if clicked is not None:
        go_to_host(at.address_of(clicked))


def _choose(at: FleetMoment) -> HostState | None:
    """Draw the states with the number of hosts in each; return the one that is chosen."""
    numbers = counts(at.hosts)
    labels = {_ALL: f"All {len(at.hosts):,}"}
    labels |= {state.value: f"{state.value.capitalize()} {n:,}" for state, n in numbers.items()}
    chosen = choices.choose("State", labels, "state", "shown_state")
    return None if chosen == _ALL else HostState(chosen)


hosts()
