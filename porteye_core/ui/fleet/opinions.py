"""Verdicts in the tables over many hosts, and findings of their alerts process."""

from collections.abc import Mapping, Sequence

import streamlit as st

from porteye_core.errors import StoreError
from porteye_core.judging.fleet_verdicts import (
    Court,
    court,
    listener_verdicts,
    service_verdicts,
)
from porteye_core.judging.in_force import in_force
from porteye_core.judging.judge import Judged
from porteye_core.store.alerts import open_counts, open_to_read
from porteye_core.store.fleet.many_hosts.questions import FleetListener, Selection, Service
from porteye_core.ui import now_verdicts
from porteye_core.ui.context import now
from porteye_core.ui.fleet.context import FleetMoment
from porteye_core.ui.markdown import literal

VERDICT = "verdict"  # the column
HELP = {
    "help": "By the file of expected ports, as the host itself would judge. wider: fewer hosts may"
    " reach it; owner: another one is expected; new: nothing expects it. Of a service the gravest"
    " of its hosts"
}


def of_services(
    at: FleetMoment, wanted: Selection, rows: Sequence[Service]
) -> list[list[str]] | None:
    """The verdict on each of these services that a selection found, as its cell shows it; None if
    no file says what is expected."""
    judges = _court(at)
    if judges is None:
        return None
    return [_cell(each) for each in service_verdicts(at.reader, judges, wanted, rows)]


def of_listeners(at: FleetMoment, rows: Sequence[FleetListener]) -> list[list[str]] | None:
    """The verdict on each of these listeners, as its cell shows it; None if no file says what is
    expected."""
    judges = _court(at)
    if judges is None:
        return None
    return [_cell(each) for each in listener_verdicts(at.reader, judges, rows)]


def tell_wrong_file(at: FleetMoment) -> None:
    """Say what is wrong with the newest file of expected ports."""
    found = in_force(at.view.config)
    if found.error:
        stays = "Nothing is judged." if found.judges is None else "The last good file counts."
        st.warning(literal(f"{found.error} {stays}"), icon=":material/rule:")


def findings(at: FleetMoment) -> Mapping[str, int]:
    """The open findings of each host by its name; nothing where no alerts process has looked."""
    try:
        with open_to_read(at.view.config.alerts_file) as connection:
            return open_counts(connection)
    except StoreError:
        return {}


def _court(at: FleetMoment) -> Court | None:
    try:
        return court(at.view.config, now())
    except StoreError as err:  # of what people accept: without it no verdict is right
        st.warning(literal(err), icon=":material/rule:")
        return None


def _cell(found: Judged | None) -> list[str]:
    word = "" if found is None else now_verdicts.word(found.judgement)
    return [word] if word else []
