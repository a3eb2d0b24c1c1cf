"""Refuses requests for another host's name, which a rebound DNS name sends to this machine."""

import ipaddress
import re
import socket
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from porteye_core.api.errors import error_response

# A name or an address, and a port; anything else in a Host header is an attempt to mislead.
_HOST = re.compile(rb"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?")


class HostGuard:
    """ASGI middleware for HTTP and WebSocket: the Host must be this machine's.

    That is localhost, a loopback address, the machine's own name, the address that the client
    connected to, or one of `allowed`.
    """

    def __init__(self, app: ASGIApp, allowed: Iterable[str] = ()) -> None:
        self._app = app
        self._names = {"localhost", socket.gethostname().lower(), *allowed}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 400 (a WebSocket is closed before it is accepted)."""
        if scope["type"] in ("http", "websocket") and not self._is_ours(scope):
            refusal = error_response(
                400,
                "host_refused",
                "The Host header names another machine.",
                "Use http://localhost, or list the name in PORTEYE_ALLOWED_HOSTS.",
            )
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        values = [value for name, value in scope["headers"] if name == b"host"]
        match = _HOST.fullmatch(values[0]) if len(values) == 1 else None
        if match is None:
            return False
        host = (match[1] or match[2]).decode("ascii").lower()
        return host in self._names or _is_local(host, scope)


def _is_local(host: str, scope: Scope) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    server = scope.get("server") or ("",)
    return address.is_loopback or host == server[0]
