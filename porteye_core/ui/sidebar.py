"""The filters: widgets to Filters, and both to the URL; the time range stands on the views."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import streamlit as st

from porteye_core import filters as texts
from porteye_core import host_patterns
from porteye_core.errors import FilterError
from porteye_core.host_patterns import Patterns
from porteye_core.model import Filters, Kind, Protocol
from porteye_core.pasted_text import Ranges
from porteye_core.ui import filter_errors, time_range, url_state
from porteye_core.ui.time_range import CUSTOM, DEFAULT, Bounds

_T = TypeVar("_T")
_PROTOCOLS = {"all": "TCP and UDP", **{each.value: each.upper() for each in Protocol}}
_KINDS = {"all": "Opened and closed", **{each.value: each.capitalize() for each in Kind}}
_EXPOSURES = {
    "all": "Any",
    "reachable": "Reachable from the network",
    "local": "Local only",
    **{
        word: each[0].value[0].upper() + each[0].value[1:]
        for word, each in texts.EXPOSURES.items()
        if len(each) == 1
    },
}
_RECORDS = 100
_HOSTS = "hosts"
_LARGEST = (1 << 53) - 1  # the largest number that a browser counts exactly


def filters() -> tuple[Filters, int | None]:
    """Draw the widgets and return what they say, with the length of a range that ends now; a text
    that cannot be understood gets a message and leaves its filter as it was."""
    url_state.follow_the_browser()
    nothing: tuple[Ranges, Protocol | None] = ((), None)
    ports, named = _understood("port", _port_text(), texts.ports_and_protocol, nothing)
    process = _understood("process", _process_text(), texts.process, "")
    protocol = _protocol(named)
    bounds = time_range.chosen()
    limit = _limit()
    more = _more(Filters(ports, process, protocol, limit, bounds.since, bounds.until))
    _write(limit, bounds)
    return more, bounds.length


def hosts() -> Patterns:
    """Draw the field for hosts of a fleet, above the filters, and return what it says."""
    url_state.follow_the_browser()
    url_state.start(_HOSTS, str, "")
    text = st.text_input(
        "Hosts",
        key=_HOSTS,
        placeholder="web*, db1",
        help="Names and patterns, separated by commas; * stands for any text, ? for a character.",
    )
    return _understood(_HOSTS, text, host_patterns.parse, ())


def _more(narrowed: Filters) -> Filters:
    """These filters with those that are folded away until one of them is used."""
    for name, (parse, none) in _MORE.items():
        url_state.start(name, parse, none)
    is_used = any(st.session_state[name] != none for name, (_, none) in _MORE.items())
    with st.expander("More filters", expanded=is_used, key="more_filters"):
        exposure = _exposure()
        user = _understood("user", st.text_input("User", key="user"), texts.user, "")
        home = _understood("home", _home_text(), texts.home, "")
        address = _understood("address", _address_text(), texts.address, "")
        kind = _choice(
            "Event", _KINDS, "kind", "In the history and the counts; listeners are all shown."
        )
    return replace(
        narrowed,
        exposure=() if exposure == "all" else texts.exposure(exposure),
        user=user,
        home=home,
        address=address,
        kind=None if kind == "all" else Kind(kind),
    )


def _exposure() -> str:
    said: str = st.session_state["exposure"]
    labels = {**_EXPOSURES, said: _EXPOSURES.get(said, said)}  # several words of a link
    return _choice("Exposure", labels, "exposure", "Hosts that can reach it, a firewall aside.")


def _home_text() -> str:
    return st.text_input(
        "Unit or container", key="home", placeholder="part of its name", max_chars=texts.MAX_PROCESS
    )


def _address_text() -> str:
    return st.text_input(
        "Address",
        key="address",
        placeholder="127.0.0.1, ::1, *",
        help="A whole address; * takes IPv6 and IPv4 of every interface.",
    )


def _exposure_words(text: str) -> str:
    return texts.exposure_words(texts.exposure(text)) or "all"


def _port_text() -> str:
    url_state.start("port", str, "")
    return st.text_input(
        "Port",
        key="port",
        placeholder="80, 443, 8000-8999",
        help="Ports and ranges, separated by commas; or an error message that names a port.",
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


def _protocol(named: Protocol | None) -> Protocol | None:
    """The protocol that the filter of ports names, else the chosen one."""
    url_state.start("protocol", _known(_PROTOCOLS, "protocol"), "all")
    chosen = _choice("Protocol", _PROTOCOLS, "protocol")
    if named is not None and chosen not in {"all", named}:
        filter_errors.show(f"The port names {named}. The protocol filter does not count.")
    return named or (None if chosen == "all" else Protocol(chosen))


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


_MORE: dict[str, tuple[Callable[[str], str], str]] = {
    "exposure": (_exposure_words, "all"),
    "user": (str, ""),
    "home": (str, ""),
    "address": (str, ""),
    "kind": (_known(_KINDS, "kind"), "all"),
}
"""The filters that are folded away: how the URL's text is read, and the value of none."""


def _show_error(name: str) -> None:
    if said := url_state.wrong(name):
        filter_errors.show(said)


def _write(limit: int, bounds: Bounds) -> None:
    more = {name: none for name, (_, none) in _MORE.items()}
    usual = {"port": "", "process": "", "protocol": "all", **more, "range": DEFAULT}
    said = {
        name: str(st.session_state[name])
        for name, value in usual.items()
        if st.session_state[name] != value
    }
    if limit != _RECORDS:
        said["limit"] = str(limit)
    # The page of one host of a fleet has no such field, and leads back to the others.
    if hosts_ := st.session_state.get(_HOSTS, st.query_params.get(_HOSTS)):
        said[_HOSTS] = str(hosts_)
    if (
        st.session_state["range"] == CUSTOM
        and bounds.since is not None
        and bounds.until is not None
    ):
        ends = {"since": bounds.since, "until": bounds.until}
        said |= {name: time_range.stamp(end) for name, end in ends.items()}
    url_state.write(said)
