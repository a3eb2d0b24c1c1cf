"""Conversion of filters between text (of sidebar, URL or API) and values."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import TypeVar

from porteye_core.errors import FilterError
from porteye_core.model import Filters, Kind, Protocol
from porteye_core.pasted_text import HIGHEST_PORT, Ranges, meaning, port_list
from porteye_core.reach import LOCAL, REACHABLE, Exposure

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_RECORDS = 10_000
# Characters. No process needs a longer text to be found, and SQLite refuses patterns of 50 kB.
MAX_PROCESS = 256
MAX_RANGES = 100
EXPOSURES: dict[str, tuple[Exposure, ...]] = {
    "reachable": REACHABLE,
    "local": LOCAL,
    **{each.name.lower(): (each,) for each in Exposure},
}
"""The words of the exposure filter, and the exposures that each stands for."""
_KINDS = {each.value: each for each in Kind}
_PROTOCOLS = {each.value: each for each in Protocol}
_ARTICLES = {"exposure": "an"}
_T = TypeVar("_T")


def ports(text: str) -> Ranges:
    """Parse the inclusive ranges of a port filter; raises FilterError.

    >>> ports("80, 443, 8000-8999")
    ((80, 80), (443, 443), (8000, 8999))
    """
    return ports_and_protocol(text)[0]


def ports_and_protocol(text: str, chosen: Protocol | None = None) -> tuple[Ranges, Protocol | None]:
    """Parse a port filter with the protocol that it names, else the chosen one; the text is a list
    or what a program printed (see pasted_text). Raises FilterError.

    >>> ports_and_protocol("listen tcp :8080: bind: address already in use")
    (((8080, 8080),), <Protocol.TCP: 'tcp'>)
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        return (), chosen
    found = port_list(text)
    if found is None and not any(map(port_list, parts)):  # else a list with a part that is none
        found = meaning(text)
    if found is None or not found.ports:
        raise _no_ports(parts)
    if len(found.ports) > MAX_RANGES:
        raise FilterError("port", f"More than {MAX_RANGES} ports and ranges.", "Use wider ranges.")
    if found.protocol and chosen not in {None, found.protocol}:
        raise FilterError(
            "port", f"The port names {found.protocol}, the protocol filter {chosen}.", "Use one."
        )
    return found.ports, found.protocol or chosen


def _no_ports(parts: list[str]) -> FilterError:
    """The error of the first part that is no port."""
    try:
        for part in parts:
            if port_list(part) is None:
                _port_range(part)
    except FilterError as err:
        return err
    return FilterError("port", "The ports name both tcp and udp.", "Use one protocol.")


def _port_range(part: str) -> tuple[int, int]:
    first, dash, last = part.partition("-")
    low = _port(first, part)
    high = _port(last, part) if dash else low
    if high < low:
        raise FilterError("port", f"The range {part} ends before it begins.", f"{high}-{low}?")
    return low, high


def _port(text: str, part: str) -> int:
    text = text.strip()
    # isdecimal() alone accepts digits of other scripts.
    if not (text.isascii() and text.isdecimal() and len(text) <= len("065535")):
        raise FilterError(
            "port", f"“{part[:40]}” is not a port.", "Write ports like 80, 443, 8000-8999."
        )
    if int(text) > HIGHEST_PORT:
        raise FilterError("port", f"{text} is not a port.", f"Ports end at {HIGHEST_PORT}.")
    return int(text)


def process(text: str) -> str:
    """Parse a process filter; raises FilterError for text that no process name can contain."""
    return _plain("process", text)


def user(text: str) -> str:
    """Parse the name of a user; raises FilterError as `process` does."""
    return _plain("user", text)


def home(text: str) -> str:
    """Parse part of the name of a unit or container; raises FilterError as `process` does."""
    return _plain("home", text)


def _plain(field: str, text: str) -> str:
    if "\0" in text:  # SQLite's LIKE stops at a NUL, and the pattern would match everything
        raise FilterError(field, f"The {field} filter contains a NUL character.", "Remove it.")
    if len(text) > MAX_PROCESS:
        raise FilterError(
            field,
            f"The {field} filter has {len(text)} characters.",
            f"Use at most {MAX_PROCESS}.",
        )
    return text.strip()


def address(text: str) -> str:
    """Parse an address as the page shows it, with its interface if it has one; raises FilterError.

    >>> address("[::1]"), address("*"), address("fe80::1%eth0")
    ('::1', '*', 'fe80::1%eth0')
    """
    said = _plain("address", text).replace("[", "").replace("]", "")
    host, percent, interface = said.partition("%")
    if host in {"", "*"}:
        return said
    try:
        found = ip_address(host)
    except ValueError:
        raise FilterError(
            "address",
            f"“{text[:40]}” is not an address.",
            "Write a whole one as the table shows it, like 127.0.0.1, ::1, or * for all.",
        ) from None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    # As inet_ntop(3) writes it, whatever the version of Python.
    return f"{f'::ffff:{mapped}' if mapped else found}{percent}{interface}"


def exposure(text: str) -> tuple[Exposure, ...]:
    """Parse words of exposure, separated by commas; raises FilterError.

    >>> exposure("local") == LOCAL
    True
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    found = {each for word in words for each in _word("exposure", word, EXPOSURES)}
    return tuple(each for each in Exposure if each in found)


def protocol(text: str) -> Protocol | None:
    """Parse a protocol, None for an empty text; raises FilterError."""
    return _word("protocol", text, _PROTOCOLS) if text.strip() else None


def kind(text: str) -> Kind | None:
    """Parse a kind of event, None for an empty text; raises FilterError."""
    return _word("kind", text, _KINDS) if text.strip() else None


def _word(field: str, text: str, known: Mapping[str, _T]) -> _T:
    try:
        return known[text.strip().lower()]
    except KeyError:
        *others, last = known
        raise FilterError(
            field,
            f"“{text[:40]}” is not {_ARTICLES.get(field, 'a')} {field}.",
            f"Use {', '.join(others)} or {last}.",
        ) from None


def time(field: str, text: str) -> int | None:
    """Parse an ISO 8601 time with offset to microseconds since the epoch; raises FilterError.

    >>> time("since", "1970-01-01T00:00:01Z")
    1000000
    """
    if not text.strip():
        return None
    # A plus sign that a client did not escape arrives as a space.
    candidate = text.strip().replace(" ", "+") if "T" in text else text.strip()
    hint = "Use ISO 8601 with an offset, like 2026-01-31T03:10:00Z."
    try:
        moment = datetime.fromisoformat(candidate)
    except ValueError:
        raise FilterError(field, f"“{text[:40]}” is not a time.", hint) from None
    if moment.tzinfo is None:
        raise FilterError(field, f"“{text[:40]}” does not say its offset from UTC.", hint)
    micros = (moment - _EPOCH) // timedelta(microseconds=1)
    try:
        _EPOCH + timedelta(microseconds=micros)  # in UTC, too, it has a year from 1 to 9999
    except OverflowError:
        raise FilterError(field, f"“{text[:40]}” is out of range.", hint) from None
    return micros


def parameters(filters: Filters) -> dict[str, str]:
    """Convert filters to parameters of the API, without `limit`.

    >>> parameters(Filters(ports=((80, 80), (8000, 8999)), until=1))
    {'port': '80,8000-8999', 'until': '1970-01-01T00:00:00.000001+00:00'}
    """
    said = {
        "port": ",".join(range_words(*each) for each in filters.ports),
        "process": filters.process,
        "protocol": filters.protocol or "",
        "since": _time_text(filters.since),
        "until": _time_text(filters.until),
        "exposure": exposure_words(filters.exposure),
        "user": filters.user,
        "home": filters.home,
        "address": filters.address,
        "kind": filters.kind or "",
    }
    return {name: str(text) for name, text in said.items() if text}


def exposure_words(wanted: tuple[Exposure, ...]) -> str:
    """Format exposures as the shortest words that `exposure` parses.

    >>> exposure_words(REACHABLE), exposure_words((Exposure.LINK, Exposure.UNKNOWN))
    ('reachable', 'link,unknown')
    """
    for word, exposures in EXPOSURES.items():
        if set(exposures) == set(wanted):
            return word
    return ",".join(each.name.lower() for each in wanted)


def range_words(low: int, high: int) -> str:
    """Format an inclusive range of ports.

    >>> range_words(80, 80), range_words(8000, 8999)
    ('80', '8000-8999')
    """
    return str(low) if low == high else f"{low}-{high}"


def _time_text(micros: int | None) -> str:
    return "" if micros is None else (_EPOCH + timedelta(microseconds=micros)).isoformat()
