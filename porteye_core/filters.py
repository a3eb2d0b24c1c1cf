"""Conversion of filters between text (of sidebar, URL or API) and values."""

from datetime import UTC, datetime, timedelta

from porteye_core.errors import FilterError
from porteye_core.model import Filters, Protocol

HIGHEST_PORT = 65535
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_RECORDS = 10_000
# Characters. No process needs a longer text to be found, and SQLite refuses patterns of 50 kB.
MAX_PROCESS = 256
MAX_RANGES = 100


def ports(text: str) -> tuple[tuple[int, int], ...]:
    """Parse the inclusive ranges of a port filter; raises FilterError.

    >>> ports("80, 443, 8000-8999")
    ((80, 80), (443, 443), (8000, 8999))
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) > MAX_RANGES:
        raise FilterError("port", f"More than {MAX_RANGES} ports and ranges.", "Use wider ranges.")
    return tuple(_port_range(part) for part in parts)


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
    if "\0" in text:  # SQLite's LIKE stops at a NUL, and the pattern would match everything
        raise FilterError("process", "The process filter contains a NUL character.", "Remove it.")
    if len(text) > MAX_PROCESS:
        raise FilterError(
            "process",
            f"The process filter has {len(text)} characters.",
            f"Use at most {MAX_PROCESS}.",
        )
    return text.strip()


def protocol(text: str) -> Protocol | None:
    """Parse a protocol, None for an empty text; raises FilterError."""
    if not text.strip():
        return None
    try:
        return Protocol(text.strip().lower())
    except ValueError:
        raise FilterError(
            "protocol", f"“{text[:40]}” is not a protocol.", "Use tcp or udp."
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
    try:
        return round(moment.timestamp() * 1_000_000)
    except (OverflowError, ValueError):
        raise FilterError(field, f"“{text[:40]}” is out of range.", hint) from None


def parameters(filters: Filters) -> dict[str, str]:
    """Convert filters to parameters of the API, without `limit`.

    >>> parameters(Filters(ports=((80, 80), (8000, 8999)), until=1))
    {'port': '80,8000-8999', 'until': '1970-01-01T00:00:00.000001+00:00'}
    """
    said = {
        "port": ",".join(_range_text(*each) for each in filters.ports),
        "process": filters.process,
        "protocol": filters.protocol or "",
        "since": _time_text(filters.since),
        "until": _time_text(filters.until),
    }
    return {name: str(text) for name, text in said.items() if text}


def _range_text(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"


def _time_text(micros: int | None) -> str:
    return "" if micros is None else (_EPOCH + timedelta(microseconds=micros)).isoformat()
