"""Webhooks: a message by POST, with the headers of Standard Webhooks 1.0.0.

The id stays the same at each try, so that a receiver can drop a copy; the time and the signature
are those of the try. No redirect is followed: it could lead into the network of this machine.
"""

import base64
import hashlib
import hmac
import http.client
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime

from porteye_core import __version__
from porteye_core.alerts.receivers.connection import connect, context, to_sentence
from porteye_core.alerts.receivers.kinds import Webhook
from porteye_core.alerts.receivers.message import Message
from porteye_core.alerts.receivers.not_sent import NotSent
from porteye_core.alerts.receivers.time_limit import TimeLimit

_MAX_ANSWER = 4096  # bytes
_GONE = 410  # the receiver wants nothing any more, says Standard Webhooks


def send(receiver: Webhook, message: Message, limit: TimeLimit) -> str:
    """Send a message; a status of 2xx is the yes. Raises NotSent."""
    # Before the connection: what is wrong with it is no error of the host.
    tls = context(receiver.ca) if receiver.is_tls else None
    with to_sentence(receiver.host, limit):
        connection = http.client.HTTPConnection(receiver.host, receiver.port)
        connection.default_port = 443 if receiver.is_tls else 80  # left out of the header Host
        try:
            connection.sock = connect(receiver.host, receiver.port, limit)
            if tls:
                connection.sock = tls.wrap_socket(connection.sock, server_hostname=receiver.host)
            body = message.json
            headers = _headers(receiver, message.id, body)
            connection.request("POST", receiver.path, body=body, headers=headers)
            with connection.getresponse() as answer:
                # Where the limit ends the connection, http.client takes what came for an answer.
                limit.left()
                status, wait = answer.status, _wait(answer.getheader("Retry-After"))
                if 200 <= status < 300:
                    _read_rest(answer)
                    return ""
        except ConnectionError:  # of which one is an HTTPException, too
            raise
        except http.client.HTTPException:
            limit.left()
            raise NotSent(f"{receiver.host} gave no answer of HTTP.") from None
        finally:
            connection.close()
    raise NotSent(_refusal(receiver.host, status), is_final=status == _GONE, wait=wait)


def _headers(receiver: Webhook, message_id: str, body: bytes) -> dict[str, str]:
    now = str(int(time.time()))
    headers = {
        **dict(receiver.headers),
        "Content-Type": "application/json",
        "User-Agent": f"PortEye/{__version__}",
        "Connection": "close",
        "webhook-id": message_id,
        "webhook-timestamp": now,
    }
    if receiver.secret is not None:
        headers["webhook-signature"] = signature(receiver.secret, message_id, now, body)
    return headers


def signature(secret: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """The signature of a message, by the scheme v1."""
    signed = b"%s.%s.%s" % (message_id.encode(), timestamp.encode(), body)
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _read_rest(answer: http.client.HTTPResponse) -> None:
    """Read a short answer, so that its sender sees no broken connection; the yes is there."""
    with suppress(OSError, http.client.HTTPException):
        answer.read(_MAX_ANSWER)


def _refusal(host: str, status: int) -> str:
    if 300 <= status < 400:
        return f"{host} answered {status}, a redirect, and none is followed."
    if status == _GONE:
        return f"{host} answered 410: it wants no more messages."
    return f"{host} answered {status}."


def _wait(told: str | None) -> float:
    """Seconds of the header Retry-After: a number or a date (RFC 9110, 10.2.3)."""
    if told is None:
        return 0
    if told.strip().isdecimal() and told.isascii():
        return float(told.strip()[:9])
    try:
        return max(0.0, parsedate_to_datetime(told).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0
