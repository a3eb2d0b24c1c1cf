"""Text of a message for people: a line for each finding; pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from porteye_core.alerts.receivers.message import Message

_NAMED = ("unit", "container", "pid", "label")


def text(message: Message) -> str:
    """The whole message: its title, the findings, and the page."""
    return "\n".join(_lines(message)) + "\n"


def _lines(message: Message) -> Iterator[str]:
    yield message.title
    if message.findings:
        yield ""
    for finding in message.findings:
        yield f"- {line_of(finding)}"
        yield f"  {_details(finding)}"
    if message.more:
        yield f"- and {message.more} more"
    if message.url:
        yield ""
        yield message.url


def line_of(finding: Mapping[str, Any]) -> str:
    """A finding as its own sentence says it."""
    return str(finding.get("text") or finding.get("verdict") or "finding")


def _details(finding: Mapping[str, Any]) -> str:
    """The fields that its sentence leaves out, with the time first."""
    told = {name: str(value) for name, value in finding.items() if value not in (None, "")}
    times = f"since {told['at']}" if "at" in told else ""
    if "ended_at" in told:
        times += f" until {told['ended_at']}"
    named = [f"{name} {told[name]}" for name in _NAMED if name in told]
    return ", ".join(filter(None, (times.strip(), _endpoint(told), *named)))


def _endpoint(told: Mapping[str, str]) -> str:
    address, port = told.get("address", ""), told.get("port", "")
    if ":" in address and port and not address.startswith("["):
        address = f"[{address}]"
    return f"{address}:{port}" if address and port else address
