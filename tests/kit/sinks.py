"""Receivers of messages, as real servers of HTTP and SMTP, which do as a test says."""

import asyncio
import random
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True)
class Posted:
    """A request that came."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Hook:
    """A webhook: what it has taken, and what it does; do: gets the handler, and answers."""

    port: int = 0
    taken: list[Posted] = field(default_factory=list)


Answer = Callable[[BaseHTTPRequestHandler, Posted, Hook], None]


def accept(request: BaseHTTPRequestHandler, posted: Posted, hook: Hook) -> None:
    """Take everything."""
    hook.taken.append(posted)
    say(request, 204)


def say(request: BaseHTTPRequestHandler, status: int, **headers: str) -> None:
    """Answer with a status."""
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()


@contextmanager
def webhook(answer: Answer = accept, tls: ssl.SSLContext | None = None) -> Iterator[Hook]:
    """A server of HTTP that answers each POST so."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(size)
            if len(body) < size:
                return  # killed while it sent
            # The client may have gone.
            with suppress(OSError):
                answer(self, Posted(self.path, dict(self.headers), body), hook)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 50

        def handle_error(self, request: object, client_address: object) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    hook.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class MailServer:
    """A server of SMTP: the mails that it has taken, and to whom."""

    port: int = 0
    taken: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    refused_data: Callable[[], str | None] = lambda: None
    refused_address: Callable[[str], str | None] = lambda _: None

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _: list[str]
    ) -> str:
        """Take an address, or not."""
        if refusal := self.refused_address(address):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail, or not."""
        if refusal := self.refused_data():
            return refusal
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.raw.append(envelope.content)
        self.taken.append(mail)
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 OK"


class _Controller(Controller):
    """The thread of a mail server, on a port that is held from the beginning."""

    def __init__(self, server: MailServer, **how: Any) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        server.port = self._socket.getsockname()[1]
        super().__init__(server, hostname="127.0.0.1", port=server.port, **how)

    def _create_server(self) -> Coroutine[Any, Any, asyncio.AbstractServer]:
        return self.loop.create_server(
            self._factory_invoker, sock=self._socket, ssl=self.ssl_context
        )


@contextmanager
def mail_server(server: MailServer | None = None, **how: Any) -> Iterator[MailServer]:
    """A server of SMTP; how: flags of aiosmtpd."""
    server = server or MailServer()
    controller = _Controller(server, **how)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


def sometimes(chance: random.Random, **shares: float) -> str:
    """One of the names by its share, else an empty one."""
    drawn = chance.random()
    for name, share in shares.items():
        if drawn < share:
            return name
        drawn -= share
    return ""
