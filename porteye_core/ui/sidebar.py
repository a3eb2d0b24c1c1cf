"""The filters: widgets to Filters, and both to the URL."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import streamlit as st

from porteye_core import filters as texts
from porteye_core.errors import FilterError
from porteye_core.model import Filters, Protocol
from porteye_core.ui.context import viewers_zone
from porteye_core.ui.ranges import CUSTOM, DEFAULT, RANGES

_T = TypeVar("_T")
_LABELS = {**{name: each.label for name, each in RANGES.items()}, CUSTOM: "From … to …"}


def filters() -> Filters:
    """Draw the widgets and return what they say; a text that cannot be understood gets a message
    and leaves its filter as it was."""
    no_ports: tuple[tuple[int, int], ...] = ()
    ports = _understood("port", _port_text(), texts.ports, no_ports)
    process = _understood("process", _process_text(), texts.process, "")
    protocol = st.selectbox(
        "Protocol",
        ["all", *Protocol],
        format_func=_protocol_label,
        key="protocol",
        bind="query-params",
    )
    since, until = _range()
    limit = st.number_input(
        "Number of records to display",
        min_value=1,
        max_value=texts.MOST_RECORDS,
        value=100,
        key="limit",
        bind="query-params",
        help="In the history and the timeline. An export always has every record.",
    )
    return Filters(
        ports=ports,
        process=process,
        protocol=None if protocol == "all" else Protocol(protocol),
        limit=int(limit),
        since=since,
        until=until,
    )


def _port_text() -> str:
    return st.text_input(
        "Port",
        key="port",
        bind="query-params",
        placeholder="80, 443, 8000-8999",
        help="Ports and ranges, separated by commas.",
    )


def _process_text() -> str:
    return st.text_input(
        "Process",
        key="process",
        bind="query-params",
        placeholder="part of a name or command line",
    )


def _protocol_label(value: str) -> str:
    return "TCP and UDP" if value == "all" else value.upper()


def _understood(field: str, text: str, parse: Callable[[str], _T], default: _T) -> _T:
    """What the text means, or what the field meant before if it means nothing."""
    kept = f"last_good_{field}"
    try:
        st.session_state[kept] = parse(text)
    except FilterError as err:
        st.error(f"{err} The filter is unchanged.", icon=":material/error:")
    value: _T = st.session_state.get(kept, default)
    return value


def _range() -> tuple[int | None, int | None]:
    options = list(_LABELS)
    chosen = st.selectbox(
        "Time range",
        options,
        index=options.index(DEFAULT),
        format_func=_LABELS.__getitem__,
        key="range",
        bind="query-params",
        help="Of the history and the activity; Live always shows now.",
    )
    if chosen == CUSTOM:
        return _custom_range()
    for name in ("since", "until"):
        if name in st.query_params:
            del st.query_params[name]
    return RANGES[chosen].since(time.time_ns() // 1000), None


def _custom_range() -> tuple[int | None, int | None]:
    """Both ends in the viewer's zone; the URL has them in UTC and means the same anywhere."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    since = _moment("since", "From", now - timedelta(days=1))
    until = _moment("until", "To", now)
    if since > until:
        st.error("“From” is later than “To”: nothing lies between them.", icon=":material/error:")
    return round(since.timestamp() * 1e6), round(until.timestamp() * 1e6)


def _moment(name: str, label: str, default: datetime) -> datetime:
    zone = viewers_zone()
    try:
        stored = texts.time(name, st.query_params.get(name, ""))
    except FilterError:
        stored = None
    start = default if stored is None else datetime.fromtimestamp(stored / 1e6, UTC)
    given = st.datetime_input(
        label,
        start.astimezone(zone).replace(tzinfo=None),
        key=f"pick_{name}",
        step=60,
        persist_state="session",
    )
    moment = (given or start).replace(tzinfo=zone).astimezone(UTC)
    st.query_params[name] = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    return moment
