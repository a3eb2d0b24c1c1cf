"""The filters: widgets to Filters, and both to the URL."""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from porteye_core import filters as texts
from porteye_core.errors import FilterError
from porteye_core.model import Filters, Protocol
from porteye_core.ui import filter_errors, time_range, url_state
from porteye_core.ui.time_range import CUSTOM, DEFAULT, RANGES

_T = TypeVar("_T")
_RANGES = {**{name: each.label for name, each in RANGES.items()}, CUSTOM: "From … to …"}
_PROTOCOLS = {"all": "TCP and UDP", **{each.value: each.upper() for each in Protocol}}
_RECORDS = 100
_LARGEST = (1 << 53) - 1  # the largest number that a browser counts exactly


def filters() -> tuple[Filters, int | None]:
    """Draw the widgets and return what they say, with the length of a range that ends now; a text
    that cannot be understood gets a message and leaves its filter as it was."""
    url_state.follow_the_browser()
    no_ports: tuple[tuple[int, int], ...] = ()
    ports = _understood("port", _port_text(), texts.ports, no_ports)
    process = _understood("process", _process_text(), texts.process, "")
    protocol = _protocol()
    chosen = _range()
    since, until = time_range.draw() if chosen == CUSTOM else (None, None)
    limit = _limit()
    _write(limit, since, until)
    chosen_filters = Filters(
        ports=ports,
        process=process,
        protocol=None if protocol == "all" else Protocol(protocol),
        limit=limit,
        since=since,
        until=until,
    )
    return chosen_filters, None if chosen == CUSTOM else RANGES[chosen].length


def _port_text() -> str:
    url_state.start("port", str, "")
    return st.text_input(
        "Port",
        key="port",
        placeholder="80, 443, 8000-8999",
        help="Ports and ranges, separated by commas.",
    )


def _process_text() -> str:
    url_state.start("process", str, "")
    return st.text_input("Process", key="process", placeholder="part of name or command")


def _understood(field: str, text: str, parse: Callable[[str], _T], default: _T) -> _T:
    """The value of the text, or the value before if the text cannot be understood."""
    kept = f"last_good_{field}"
    try:
        st.session_state[kept] = parse(text)
    except FilterError as err:
        filter_errors.show(f"{err} The filter is unchanged.")
    value: _T = st.session_state.get(kept, default)
    return value


def _protocol() -> str:
    url_state.start("protocol", _known(_PROTOCOLS, "protocol"), "all")
    return _choice("Protocol", _PROTOCOLS, "protocol")


def _range() -> str:
    bounded = "since" in st.query_params or "until" in st.query_params
    url_state.start("range", _known(_RANGES, "range"), CUSTOM if bounded else DEFAULT)
    return _choice(
        "Time range", _RANGES, "range", "Of the timeline and the history; Now always shows now."
    )


def _choice(label: str, labels: dict[str, str], name: str, explained: str | None = None) -> str:
    chosen = st.selectbox(
        label,
        list(labels),
        format_func=labels.__getitem__,
        key=name,
        on_change=url_state.forget,
        args=(name,),
        help=explained,
    )
    _show_error(name)
    return chosen


def _limit() -> int:
    url_state.start("limit", _records, _RECORDS)
    # Bounds of the field itself would let the browser refuse a number without a word.
    typed = st.number_input(
        "Number of records to display",
        min_value=-_LARGEST,
        max_value=_LARGEST,
        step=1,
        key="limit",
        on_change=url_state.forget,
        args=("limit",),
        help="In the history. An export always has every record.",
    )
    _show_error("limit")
    return _understood("limit", str(typed), _records, _RECORDS)


def _known(labels: dict[str, str], name: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        key = text.strip().lower()
        if key not in labels:
            raise FilterError(name, f"“{text[:40]}” is not a {name}.", f"Use {', '.join(labels)}.")
        return key

    return parse


def _records(text: str) -> int:
    digits = text.strip()
    known = digits.isascii() and digits.isdecimal() and len(digits) < 10
    if not (known and 1 <= int(digits) <= texts.MAX_RECORDS):
        raise FilterError(
            "limit",
            f"“{text[:40]}” is not a number of records.",
            f"Use 1 to {texts.MAX_RECORDS}.",
        )
    return int(digits)


def _show_error(name: str) -> None:
    if said := url_state.wrong(name):
        filter_errors.show(f"{said} The address was not followed.")


def _write(limit: int, since: int | None, until: int | None) -> None:
    usual = {"port": "", "process": "", "protocol": "all", "range": DEFAULT}
    said = {
        name: str(st.session_state[name])
        for name, value in usual.items()
        if st.session_state[name] != value
    }
    if limit != _RECORDS:
        said["limit"] = str(limit)
    if since is not None and until is not None:
        said |= {"since": time_range.stamp(since), "until": time_range.stamp(until)}
    url_state.write(said)
