"""Text of a message for people: a line for each finding; pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from porteye_core.alerts.receivers.message import Message, safe_text

_WORDS = {
    "wider": "Wider",
    "owner": "Another owner",
    "new": "New",
    "missing": "Missing",
    "unknown": "Not known",
    "brief": "Brief",
}
_KINDS = {
    "flapping": "Flapping",
    "unwatched": "Nobody watches",
    "settings": "Settings",
    "database": "Database",
}
MAX_LINE = 1000  # characters


def text(message: Message) -> str:
    """The whole message: its title, the findings, and the page."""
    return "\n".join(_lines(message)) + "\n"


def _lines(message: Message) -> Iterator[str]:
    yield message.title
    if message.findings:
        yield ""
    for finding in message.findings:
        yield f"- {line_of(finding)}"
        if when := _when(finding):
            yield f"  {when}"
    if message.more:
        yield f"- and {message.more} more"
    if message.url:
        yield ""
        yield message.url


def line_of(finding: Mapping[str, Any]) -> str:
    """A finding in one line, as far as its fields are known."""
    told = {name: str(value) for name, value in finding.items() if value not in (None, "")}
    kind = told.get("kind", "")
    head = _KINDS.get(kind) or _WORDS.get(told.get("verdict", ""), "Finding")
    if told.get("phase") == "end":
        head = f"Over: {head.lower()}"
    where = " ".join(filter(None, (told.get("protocol"), _endpoint(told))))
    whose = ", ".join(
        f"{name} {told[name]}" for name in ("user", "unit", "container", "pid") if name in told
    )
    who = " ".join(filter(None, (told.get("program"), whose and f"({whose})")))
    parts = [
        " ".join(filter(None, (where, who))),
        told.get("label", ""),
        told.get("exposure", "") and f"reachable: {told['exposure']}",
        told.get("why", ""),
        told.get("ended_why", ""),
    ]
    return safe_text(f"{head}: {'; '.join(filter(None, parts))}", MAX_LINE)


def _endpoint(told: Mapping[str, str]) -> str:
    address, port = told.get("address", ""), told.get("port", "")
    if ":" in address and port and not address.startswith("["):
        address = f"[{address}]"
    return f"{address}:{port}" if address and port else address or port


def _when(finding: Mapping[str, Any]) -> str:
    begun, ended = finding.get("at"), finding.get("ended_at")
    said = f"since {begun}" if begun else ""
    return f"{said}, until {ended}" if begun and ended else said
