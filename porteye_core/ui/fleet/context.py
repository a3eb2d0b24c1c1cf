"""The context of a view over many hosts: the filters of the page, and one moment of the fleet."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import streamlit as st

from porteye_core import host_patterns
from porteye_core.config import Config
from porteye_core.errors import FleetError, StoreSlow
from porteye_core.guards.access import Access
from porteye_core.host_patterns import Patterns
from porteye_core.model import Filters
from porteye_core.store.fleet.many_hosts.questions import (
    FleetHost,
    FleetReader,
    Selection,
    addresses,
    hosts,
    open_fleet,
)
from porteye_core.ui.context import viewers_zone
from porteye_core.ui.fleet import host_warnings
from porteye_core.ui.markdown import literal
from porteye_core.ui.times import dated

_KEY = "fleet_view"


@dataclass(frozen=True, slots=True)
class FleetView:
    """The settings and the filters of the page; `length` is that of a range which ends now."""

    config: Config
    filters: Filters = field(default_factory=Filters)
    patterns: Patterns = ()
    length: int | None = None
    access: Access = field(default_factory=Access)

    def save(self) -> None:
        """Make this the session's."""
        st.session_state[_KEY] = self

    @staticmethod
    def current() -> "FleetView":
        """The session's; the page has kept one before any view runs."""
        view: FleetView = st.session_state[_KEY]
        return view


@dataclass(frozen=True, slots=True)
class FleetMoment:
    """One moment of the fleet.

    now: by the server's clock. kept_from: the time from which the fleet keeps everything. hosts:
    those that the filter of hosts means; count: of all that are enrolled or were.
    """

    reader: FleetReader
    view: FleetView
    now: int
    kept_from: int
    hosts: list[FleetHost]
    count: int

    @property
    def filters(self) -> Filters:
        """The filters, with the times that they stand for at this moment."""
        length = self.view.length
        return replace(self.view.filters, since=self.now - length) if length else self.view.filters

    @property
    def listeners(self) -> Selection:
        """The listeners that the filters mean, at any time."""
        wanted = replace(self.view.filters, kind=None, since=None, until=None)
        return Selection.of(wanted, [host.id for host in self.hosts] if self.view.patterns else ())

    @property
    def events(self) -> Selection:
        """The events that the filters mean."""
        wanted = self.filters
        return replace(self.listeners, kind=wanted.kind, since=wanted.since, until=wanted.until)

    def address_of(self, host_id: int) -> str:
        """The name by which the page of this host is found."""
        return addresses(self.hosts)[host_id]

    def dated(self, micros: int) -> str:
        """A time as the viewer reads it, with its UTC time."""
        return dated(micros, self.now, viewers_zone())


def read(draw: Callable[[FleetMoment], None], *, warn: bool = True) -> None:
    """Draw a view from one moment of the fleet, below the word about hosts that cannot be trusted,
    or say why there is none. warn: False if the view itself tells of such hosts."""
    view = FleetView.current()
    try:
        with open_fleet(view.config.fleet) as reader:
            _draw(_moment(reader, view), draw, warn=warn)
    except StoreSlow as err:
        st.warning(literal(err), icon=":material/hourglass_disabled:")
    except FleetError as err:
        st.error(
            f"**The fleet cannot be shown.** {literal(err)} It is asked again by itself.",
            icon=":material/cloud_off:",
        )


def _moment(reader: FleetReader, view: FleetView) -> FleetMoment:
    known = hosts(reader.server)
    meant = [host for host in known if host_patterns.matches(view.patterns, host.name)]
    return FleetMoment(reader, view, reader.now, reader.kept_from, meant, len(known))


def _draw(moment: FleetMoment, draw: Callable[[FleetMoment], None], *, warn: bool) -> None:
    if not moment.count:
        _say_nobody()
        return
    if not moment.hosts:
        said = literal(", ".join(moment.view.patterns))
        st.info(f"No host of {moment.count:,} has a name like {said}.", icon=":material/dns:")
        return
    if warn:
        host_warnings.draw(moment.hosts)
    draw(moment)
    st.caption(literal(f"The fleet keeps what was since {moment.dated(moment.kept_from)}."))


def _say_nobody() -> None:
    st.info(
        "No host is enrolled yet. On the server an administrator enrols one, and gives its file to"
        " the host, which ships by it:",
        icon=":material/dns:",
    )
    st.code("porteye fleet enrol web1\nporteye ship web1.fleet", language=None)
