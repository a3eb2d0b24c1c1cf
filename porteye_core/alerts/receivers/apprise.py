"""Apprise: every other service, in a child process for each message.

Apprise takes 30 MiB and half a second, and its plugins are not PortEye's: a child keeps both away.
"""

import json
import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from porteye_core.alerts.receivers import child, wording
from porteye_core.alerts.receivers.kinds import Apprise
from porteye_core.alerts.receivers.message import Message
from porteye_core.alerts.receivers.not_sent import NotSent
from porteye_core.alerts.receivers.time_limit import TimeLimit

PACKAGE = "porteye[apprise]"
_CHILD = "porteye_core.alerts.receivers.apprise_child"
_PLACE = Path(__file__).resolve().parents[3]  # of the package porteye_core
_ANSWERS = {
    "unknown": "Apprise does not know this kind of address.",
    "refused": "Apprise could not deliver it by {scheme}.",
    "absent": f"Apprise is not installed: pip install '{PACKAGE}'.",
}
_FINAL = {"unknown", "absent"}


def is_installed() -> bool:
    """Tell that the package can be loaded."""
    return find_spec("apprise") is not None


def send(receiver: Apprise, message: Message, limit: TimeLimit) -> str:
    """Send a message; raises NotSent."""
    kinds = {each.get("verdict") for each in message.findings}
    kind = "failure" if kinds & {"wider", "owner"} else "warning" if kinds else "info"
    what = {"title": message.title, "body": wording.text(message), "type": kind}
    said = _ask(receiver, limit, what)
    if said != "sent":
        told = _ANSWERS.get(said, f"Apprise ended with {said}.")
        raise NotSent(told.format(scheme=receiver.scheme))
    return ""


def reason_against(receiver: Apprise, limit: TimeLimit) -> str:
    """The reason why the address can never be used, found without sending anything.

    A machine that is too busy to tell is no reason.
    """
    try:
        said = _ask(receiver, limit, {})
    except NotSent:
        return ""
    return _ANSWERS[said] if said in _FINAL else ""


def _ask(receiver: Apprise, limit: TimeLimit, what: Mapping[str, str]) -> str:
    """Ask a child, for a word; the address goes over its standard input, which no other user can
    read. Raises NotSent."""
    content = json.dumps({"url": receiver.url, **what}).encode()
    words = [sys.executable, "-P", "-m", _CHILD]
    try:
        status, answer = child.run(
            words,
            content,
            limit,
            child.environment(PYTHONPATH=os.fspath(_PLACE)),
            has_answer=True,
        )
    except TimeoutError:
        raise NotSent(f"Apprise did not deliver it within {limit.seconds:g} s.") from None
    except OSError as err:
        raise NotSent(f"Apprise cannot be started: {err.strerror}.") from None
    said = answer.decode("ascii", "replace").strip()
    return said or f"status {status}"
