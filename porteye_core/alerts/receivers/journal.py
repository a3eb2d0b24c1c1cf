"""systemd's journal: an entry for each finding, with its fields beside the sentence."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from porteye_core.alerts.receivers import wording
from porteye_core.alerts.receivers.kinds import JournalEntries
from porteye_core.alerts.receivers.message import Message
from porteye_core.alerts.receivers.not_sent import NotSent
from porteye_core.alerts.receivers.time_limit import TimeLimit
from porteye_core.system.journal import Journal

# Made once for PortEye (journalctl MESSAGE_ID=…), one for each kind of a message.
MESSAGE_IDS = {
    "findings": "4c6d1b7a2f0e4b5f9a3c8e71d2b0465e",
    "digest": "9e2f57c3d8a14e06b1f4a07c63d5928b",
    "test": "d1508b64ea7f4c92835be6f90a1c7d24",
}
# syslog(3): a warning, an error for what others can reach or hold, information for the rest.
_WARNING, _INFO = "4", "6"
PRIORITIES = {"wider": "3", "owner": "3", "new": _WARNING, "missing": _WARNING}
# journald takes names of 64 characters (journal_field_valid).
_FIELDS = (
    *(
        "message",
        "id",
        "verdict",
        "kind",
        "phase",
        "protocol",
        "port",
        "address",
        "exposure",
        "program",
    ),
    *("user", "unit", "container", "pid", "why", "label", "host", "at", "ended_at", "listener_id"),
)


def send(receiver: JournalEntries, message: Message, limit: TimeLimit) -> str:
    """Send an entry for each finding, or one for a message without any. Raises NotSent.

    If an entry is refused, the others come again at the next try, under the same id.
    """
    try:
        with closing(Journal(receiver.socket, patience=limit.left())) as journal:
            for entry in entries(message):
                journal.send(entry)
    except FileNotFoundError:
        raise NotSent("This machine has no journal of systemd.") from None
    except OSError as err:
        raise NotSent(f"The journal takes no entry: {err.strerror or 'it is busy'}.") from None
    return ""


def entries(message: Message) -> Iterator[dict[str, str]]:
    """The entries of a message; texts are of one line."""
    common = {
        "SYSLOG_IDENTIFIER": "porteye",
        "MESSAGE_ID": MESSAGE_IDS.get(message.kind, MESSAGE_IDS["findings"]),
        **_fields({"message": message.id}),
    }
    if message.kind != "findings" or not message.findings:
        yield {"MESSAGE": message.title, "PRIORITY": _INFO, **common}
    for finding in message.findings:
        yield {
            "MESSAGE": wording.line_of(finding),
            "PRIORITY": priority(finding),
            **common,
            **_fields(finding),
        }


def priority(finding: Mapping[str, Any]) -> str:
    """Priority of syslog(3); the end of something is information."""
    if finding.get("phase") == "end":
        return _INFO
    verdict = str(finding.get("verdict") or "")
    return PRIORITIES.get(verdict, _INFO) if verdict else _WARNING


def _fields(finding: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"PORTEYE_{name.upper()}": str(value)
        for name in _FIELDS
        if (value := finding.get(name)) not in (None, "")
    }
