"""Services of many hosts: one row for a program on a port, and the listeners of the one that is
open."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from porteye_core.filters import MAX_RECORDS
from porteye_core.model import Protocol
from porteye_core.reach import Exposure
from porteye_core.store.fleet.many_hosts.questions import (
    FleetListener,
    Selection,
    Service,
    open_now,
)
from porteye_core.ui import row_selection
from porteye_core.ui.cell_text import fitted
from porteye_core.ui.context import draw_again
from porteye_core.ui.fleet import listener_table, opinions
from porteye_core.ui.fleet.context import FleetMoment
from porteye_core.ui.fleet.listener_table import since
from porteye_core.ui.fleet.opinions import VERDICT
from porteye_core.ui.layout import fitting, in_order, table_height
from porteye_core.ui.markdown import literal
from porteye_core.ui.table_columns import columns, reachable_from

_WIDTHS = {
    "port": 64,
    "protocol": 70,
    "program": 260,
    "exposure": 130,
    "verdict": 96,
    "hosts": 80,
    "listeners": 80,
    "since_text": 170,
}
_ON_A_PHONE = {"port": 54, "program": 126, "exposure": 112, "hosts": 62}
_OF = "service"  # in the URL


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """Key of a service: who lets whom in on which port."""

    port: int
    protocol: str
    exposure: str
    program: str

    @property
    def text(self) -> str:
        """The key as it stands in the URL."""
        return "/".join((str(self.port), self.protocol, Exposure(self.exposure).name, self.program))

    @property
    def words(self) -> str:
        """The service as a reader sees it."""
        who = self.program or "an owner that is not known"
        return f"{who} on {self.port}/{self.protocol}, {reachable_from(self.exposure)}"


def key_of(text: str) -> ServiceKey | None:
    """The key that a text of the URL says, None if it is none.

    >>> key_of("22/tcp/EVERYWHERE/a/b").program, key_of("22/tcp/x/y"), key_of("")
    ('a/b', None, None)
    """
    port, _, rest = text.partition("/")
    protocol, _, rest = rest.partition("/")
    exposure, _, program = rest.partition("/")
    known = port.isascii() and port.isdecimal() and len(port) < 6 and protocol in set(Protocol)
    if not known or exposure not in Exposure.__members__:
        return None
    return ServiceKey(int(port), protocol, Exposure[exposure].value, program)


def opened() -> ServiceKey | None:
    """The service whose listeners are shown, None if all services are."""
    return key_of(st.query_params.get(_OF, ""))


def draw(services: Sequence[Service], wanted: Selection, at: FleetMoment, key: str) -> None:
    """Draw services that a selection found, in this order; a click opens one."""
    widths = fitting(_WIDTHS, _ON_A_PHONE)
    table = cells(services, at.now, widths["program"])
    verdicts = opinions.of_services(at, wanted, services)
    if verdicts is None:
        del widths[VERDICT]
    else:
        table[VERDICT] = verdicts
    keys = [_key(each) for each in services]
    # The order of services changes with every refresh: what was clicked is known by its key.
    ids = [hash(each) for each in keys]
    clicked = row_selection.table(
        table,
        in_order(widths, _ON_A_PHONE),
        columns(widths, listeners={"help": None}, verdict=opinions.HELP),
        key=key,
        ids=ids,
        alt="Services of many hosts",
        height=table_height(len(table)),
    )
    if clicked in ids:
        st.query_params[_OF] = keys[ids.index(clicked)].text
        draw_again()


def cells(services: Sequence[Service], now: int, wide: int) -> pd.DataFrame:
    """The cells of the services' rows; wide: pixels of the program."""
    return pd.DataFrame(
        {
            "port": [each.port for each in services],
            "protocol": [each.protocol for each in services],
            "program": [fitted(each.program, wide) for each in services],
            "exposure": [[each.exposure] for each in services],
            "hosts": [each.hosts for each in services],
            "listeners": [each.listeners for each in services],
            "since_text": [since(each.since, now) for each in services],
        }
    )


def draw_opened(
    of: ServiceKey, wanted: Selection, at: FleetMoment, key: str
) -> FleetListener | None:
    """Draw the listeners of a service, and the way back; return the one that was clicked."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "All services",
            icon=":material/arrow_back:",
            type="tertiary",
            key=f"{key}_all",
            on_click=_close,
        )
        place = st.empty()
    found = listeners_of(of, wanted, at)
    hosts = len({each.host_id for each in found})
    count = f"{len(found):,} listener{'' if len(found) == 1 else 's'}"
    place.markdown(
        f"**{literal(of.words)}**: {count} on {hosts:,} host{'' if hosts == 1 else 's'}",
        width="content",
    )
    if not found:
        st.caption("It is not open on any of these hosts now.")
        return None
    return listener_table.draw(found, at, key, without=("port", "protocol", "program", "exposure"))


def _close() -> None:
    st.query_params.pop(_OF, None)


def listeners_of(of: ServiceKey, wanted: Selection, at: FleetMoment) -> list[FleetListener]:
    """The open listeners of a service."""
    narrowed = replace(
        wanted,
        ports=((of.port, of.port),),
        protocol=Protocol(of.protocol),
        exposure=(Exposure(of.exposure),),
    )
    found = open_now(at.reader, narrowed, MAX_RECORDS)
    return [each for each in found if (each.program or "") == of.program]


def _key(service: Service) -> ServiceKey:
    return ServiceKey(service.port, service.protocol, service.exposure, service.program)
