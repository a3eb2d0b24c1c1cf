"""syslog: a line for each finding, to the daemon of this machine or to a server."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

from porteye_core.alerts.receivers.connection import connect, to_sentence
from porteye_core.alerts.receivers.journal import entries
from porteye_core.alerts.receivers.kinds import Syslog
from porteye_core.alerts.receivers.message import Message
from porteye_core.alerts.receivers.time_limit import TimeLimit
from porteye_core.system.plain_text import cap

_DAEMON = 3 << 3  # facility: other system daemons (RFC 5424, 6.2.1)
# Every receiver takes 480 bytes, and should take 2,048 (RFC 5424, 6.1).
_MAX_LINE = 2048
_END = 2.0  # seconds for which a server's end is waited for


def send(receiver: Syslog, message: Message, limit: TimeLimit) -> str:
    """Send the lines; raises NotSent. UDP has no yes: what was sent counts as taken."""
    with to_sentence(receiver.host, limit):
        if receiver.transport == "tcp":
            with connect(receiver.host, receiver.port, limit) as connection:
                for line in _remote_lines(message):
                    connection.sendall(b"%d %s" % (len(line), line))  # RFC 6587, 3.4.1
                # The kernel takes what nobody reads. A reset instead of an end says so.
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(_END)
                with suppress(TimeoutError):
                    connection.recv(1)
        elif receiver.transport == "udp":
            family, kind, protocol, _, address = socket.getaddrinfo(
                receiver.host, receiver.port, 0, socket.SOCK_DGRAM
            )[0]
            _send_each(socket.socket(family, kind, protocol), address, _remote_lines(message))
        else:
            unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            unix.settimeout(limit.left())
            _send_each(unix, receiver.host, _local_lines(message))
    return ""


def _send_each(
    datagrams: socket.socket, address: "str | tuple[object, ...]", lines: Iterator[bytes]
) -> None:
    with datagrams:
        datagrams.connect(address)
        for line in lines:
            datagrams.send(line)


def _local_lines(message: Message) -> Iterator[bytes]:
    """Lines as those of syslog(3)."""
    at = time.strftime("%b %e %H:%M:%S")
    for entry in entries(message):
        number = _DAEMON | int(entry["PRIORITY"])
        yield cap(f"<{number}>{at} porteye[{os.getpid()}]: {entry['MESSAGE']}", _MAX_LINE).encode()


def _remote_lines(message: Message) -> Iterator[bytes]:
    """Lines of RFC 5424 without structured data."""
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    host = "".join(each for each in message.host if "!" <= each <= "~")[:255] or "-"
    for entry in entries(message):
        head = f"<{_DAEMON | int(entry['PRIORITY'])}>1 {at} {host} porteye - {message.id[:32]} -"
        # The mark says that the text is UTF-8 (6.4).
        yield cap(f"{head} \ufeff{entry['MESSAGE']}", _MAX_LINE).encode()
