"""Mail by SMTP: a plain text, of which mail servers can fold copies by its Message-ID."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_LINES
from email.utils import format_datetime
from smtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPNotSupportedError,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from porteye_core.alerts.receivers import wording
from porteye_core.alerts.receivers.connection import connect, context, to_sentence
from porteye_core.alerts.receivers.kinds import Mail, Tls
from porteye_core.alerts.receivers.message import Message, safe_text
from porteye_core.alerts.receivers.not_sent import NotSent
from porteye_core.alerts.receivers.time_limit import TimeLimit

MAX_SUBJECT = 150  # characters
_LEAVE = 2.0  # seconds to wait for the answer to QUIT
# In ASCII, so that every server takes it (RFC 6152 is an extension).
_LINES = SMTP_LINES.clone(cte_type="7bit")


def send(receiver: Mail, message: Message, limit: TimeLimit) -> str:
    """Send a message to every address in one mail; returns who was refused for good.

    Raises NotSent, also if one address is refused for now: then nobody has got it.
    """
    tls = None if receiver.tls is Tls.OFF else context(receiver.ca)
    with to_sentence(receiver.host, limit), _to_sentence(receiver):
        client = _Client(receiver, tls, limit)
        # An address in brackets is a greeting that is always true (RFC 5321, 4.1.3).
        address = client.own_address
        client.local_hostname = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
        try:
            if receiver.tls is Tls.STARTTLS:
                client.ehlo()
                client.starttls(context=tls)
            client.ehlo()
            if receiver.user is not None and receiver.password is not None:
                client.login(receiver.user, receiver.password)
            refused = _deliver(client, receiver, mail_of(receiver, message))
        finally:
            _take_leave(client)
    return f"{receiver.host} refused {', '.join(refused)}." if refused else ""


def mail_of(receiver: Mail, message: Message) -> EmailMessage:
    """The mail of a message; its texts are lines without control characters."""
    mail = EmailMessage(policy=_LINES)
    mail["Subject"] = safe_text(f"[PortEye] {message.title}", MAX_SUBJECT)
    mail["From"] = receiver.sender
    mail["To"] = ", ".join(receiver.to)
    mail["Date"] = format_datetime(_made_at(message))
    mail["Message-ID"] = f"<{message.id}@{receiver.sender.partition('@')[2]}>"
    # No robot answers it (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(wording.text(message))
    return mail


class _Client(SMTP):
    """Client whose connection the time limit watches."""

    def __init__(self, receiver: Mail, tls: ssl.SSLContext | None, limit: TimeLimit) -> None:
        self._receiver, self._tls, self._limit = receiver, tls, limit
        # A name of this machine would have to be asked for, and may have no meaning elsewhere.
        super().__init__(receiver.host, receiver.port, local_hostname="localhost")

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:  # noqa: ARG002
        connection = connect(host, port, self._limit)
        self.own_address = str(connection.getsockname()[0])
        if self._receiver.tls is Tls.IMPLICIT and self._tls is not None:
            return self._tls.wrap_socket(connection, server_hostname=host)
        return connection


def _take_leave(client: SMTP) -> None:
    """End the session as servers expect it, whatever came of it; the answer is of no matter."""
    with suppress(SMTPException, OSError):
        if client.sock is not None:
            client.sock.settimeout(_LEAVE)
            client.quit()
    client.close()


def _deliver(client: SMTP, receiver: Mail, mail: EmailMessage) -> list[str]:
    """Hand the mail over; returns the addresses that are refused for good. Raises NotSent."""
    _expect(client.mail(receiver.sender), receiver, "the sender")
    refused = []
    for address in receiver.to:
        code, said = client.rcpt(address)
        if code >= 500:
            refused.append(address)
        else:
            _expect((code, said), receiver, address)
    if len(refused) == len(receiver.to):
        raise NotSent(f"{receiver.host} refused {', '.join(refused)} (status {code}).")
    _expect(client.data(mail.as_bytes()), receiver, "the mail")
    return refused


def _expect(answer: tuple[int, bytes], receiver: Mail, what: str) -> None:
    if not 200 <= answer[0] < 300:
        raise NotSent(f"{receiver.host} refused {what} (status {answer[0]}).")


@contextmanager
def _to_sentence(receiver: Mail) -> Iterator[None]:
    """Turn what smtplib raises into NotSent; a server may repeat the password in its answer."""
    host = receiver.host
    try:
        yield
    except SMTPNotSupportedError:
        lacks = "TLS" if receiver.tls is Tls.STARTTLS else "login"
        raise NotSent(f"{host} offers no {lacks}.") from None
    except SMTPServerDisconnected:
        raise ConnectionResetError from None
    except SMTPResponseException as err:
        what = "login" if isinstance(err, SMTPAuthenticationError) else "connection or the mail"
        raise NotSent(f"{host} refused the {what} (status {err.smtp_code}).") from None
    except SMTPException:
        raise NotSent(f"{host} offers no login that is known.") from None


def _made_at(message: Message) -> datetime:
    try:
        return datetime.fromisoformat(str(message.body.get("timestamp", "")))
    except ValueError:
        return datetime.now(UTC)
