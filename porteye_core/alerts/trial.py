"""Test messages: their body, and the way to send one at once."""

import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from porteye_core.alerts.receivers.kinds import AnyReceiver
from porteye_core.alerts.receivers.message import Message
from porteye_core.alerts.receivers.not_sent import NotSent
from porteye_core.alerts.receivers.sending import limit_of, send


def new_id() -> str:
    """An id of a message, as Standard Webhooks writes it."""
    return f"msg_{os.urandom(12).hex()}"  # secrets would load OpenSSL, 3 MiB


def body(message_id: str, host: str, url: str = "") -> str:
    """The JSON of a test message."""
    data = {
        "host": host,
        "title": f"Test message of PortEye on {host}",
        "url": url,
        "more": 0,
        "findings": [],
    }
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps({"type": "porteye.test", "timestamp": now, "id": message_id, "data": data})


def send_each(receivers: Sequence[AnyReceiver], host: str) -> Iterator[tuple[AnyReceiver, str]]:
    """Send each receiver a test message now; yields it and why it did not take it, empty if it
    did."""
    for receiver in receivers:
        message_id = new_id()
        message = Message.of(message_id, body(message_id, host))
        try:
            with limit_of(receiver) as limit:
                remark = send(receiver, message, limit)
        except NotSent as err:
            yield receiver, str(err)
        else:
            yield receiver, remark
