"""Test messages: their body, and the way to send one at once."""

import os
import time
from collections.abc import Iterator, Sequence

from porteye_core.alerts import message_body
from porteye_core.alerts.receivers.kinds import AnyReceiver
from porteye_core.alerts.receivers.message import Message
from porteye_core.alerts.receivers.not_sent import NotSent
from porteye_core.alerts.receivers.sending import limit_of, send


def new_id() -> str:
    """An id of a message, as Standard Webhooks writes it."""
    return f"msg_{os.urandom(12).hex()}"  # secrets would load OpenSSL, 3 MiB


def body(message_id: str, host: str, now: int) -> str:
    """The JSON of a test message; now: microseconds since the epoch."""
    return message_body.body("test", message_id, now, host, [])


def send_each(
    receivers: Sequence[AnyReceiver], host: str
) -> Iterator[tuple[AnyReceiver, bool, str]]:
    """Send each receiver a test message now; yields it, and whether and why it did not take it."""
    for receiver in receivers:
        message_id = new_id()
        now = time.time_ns() // 1000
        message = Message.of(message_id, body(message_id, host, now))
        try:
            with limit_of(receiver) as limit:
                remark = send(receiver, message, limit)
        except NotSent as err:
            yield receiver, False, str(err)
        else:
            yield receiver, True, remark
