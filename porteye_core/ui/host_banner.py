"""Above every view of a host of a fleet: why what is shown is not all that is so, or not now."""

from collections.abc import Iterator

import streamlit as st

from porteye_core.errors import StoreError
from porteye_core.store.database import HostAtServer, fleet_host
from porteye_core.store.fleet.hosts import FleetHost, HostState
from porteye_core.ui import times, url_state
from porteye_core.ui.context import now, viewers_zone
from porteye_core.ui.markdown import literal


@st.fragment(run_every=5)
def draw(of: HostAtServer) -> None:
    """Draw what is to be said of the host, kept up to date by itself."""
    url_state.acknowledge()
    try:
        host = fleet_host(of)
    except StoreError as err:
        st.warning(f"**The fleet cannot be shown.** {literal(err)}", icon=":material/database:")
        return
    if said := _state(host):
        st.warning(said, icon=":material/visibility_off:")
    for line in _doubts(host):
        st.warning(line, icon=":material/warning:")


def _state(host: FleetHost) -> str:
    """The gravest of the host, as Markdown; empty if what is shown is what is so."""
    name = literal(host.name)
    match host.state:
        case HostState.RETIRED:
            return (
                f"**{name} was retired** {_time(host.retired_at)}: what it shipped until then"
                " is kept as long as that of others."
            )
        case HostState.NEVER:
            return (
                f"**{name} has shipped nothing yet.** It was enrolled {_time(host.enrolled_at)}."
                " Start `porteye ship` on it."
            )
        case HostState.SILENT:
            return (
                f"**{name} is silent:** its latest batch came {_time(host.received_at)}. What"
                " listens there now is not known. Look whether `porteye ship` runs on it."
            )
        case HostState.UNWATCHED:
            since = "" if host.watched_until is None else f" since {_time(host.watched_until)}"
            return f"**No monitor watches {name}**{since}: it ships, and there is nothing new."
        case HostState.BEHIND:
            events = "1 event follows" if host.behind == 1 else f"{host.behind:,} events follow"
            return f"**{name} is behind:** {events} that it has not shipped yet."
    return ""


def _doubts(host: FleetHost) -> Iterator[str]:
    """Sentences on what is missing or does not compare, in whatever state the host is."""
    if host.is_clock_off and host.skew is not None:
        ahead = "ahead of" if host.skew > 0 else "behind"
        yield (
            f"**The clock of {literal(host.name)} is {times.length(abs(host.skew))} {ahead} the"
            " server's.** Times are shown as the host wrote them."
        )
    if host.dropped:
        events = "1 event is" if host.dropped == 1 else f"{host.dropped:,} events are"
        yield f"**{events} missing:** the host's own retention dropped them before it shipped them."


def _time(micros: int | None) -> str:
    if micros is None:
        return ""
    at = now()
    return literal(f"{times.moment(micros, at, viewers_zone())}, {times.ago(micros, at)}")
