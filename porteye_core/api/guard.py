"""Refuses what other machines' names and pages send to this one, and whoever is not to be here."""

import ipaddress
import logging
import re
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from porteye_core.access import is_loopback
from porteye_core.api.errors import error_response

log = logging.getLogger("porteye.api")

# A name or an address, and a port; anything else in a Host header is an attempt to mislead.
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?")
_SAFE = ("GET", "HEAD", "OPTIONS")


class HostGuard:
    """ASGI middleware for HTTP and WebSocket: Host and Origin must be this machine's.

    The Host is localhost, a loopback address, the machine's own name, the address that the client
    connected to, or one of `allowed`: a rebound DNS name is none of them. What may change
    something, and every WebSocket, comes from the page itself, or from no page at all.
    """

    def __init__(self, app: ASGIApp, allowed: Iterable[str] = ()) -> None:
        self._app = app
        self._allowed = frozenset(allowed)
        self._names = {"localhost", socket.gethostname().lower(), *allowed}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 400 or 403 (a WebSocket is closed before it opens)."""
        if scope["type"] in ("http", "websocket"):
            if not self._is_our_host(scope):
                refusal = error_response(
                    400,
                    "host_refused",
                    "The Host header names another machine.",
                    "Use http://localhost, or list the name in PORTEYE_ALLOWED_HOSTS.",
                )
                return await refusal(scope, receive, send)
            if scope.get("method") not in _SAFE and not self._is_our_origin(scope):
                refusal = error_response(
                    403,
                    "origin_refused",
                    "The Origin header names another page.",
                    "Behind a proxy, list its name in PORTEYE_ALLOWED_HOSTS.",
                )
                return await refusal(scope, receive, send)
        return await self._app(scope, receive, send)

    def _is_our_host(self, scope: Scope) -> bool:
        values = Headers(scope=scope).getlist("host")
        match = _HOST.fullmatch(values[0]) if len(values) == 1 else None
        if match is None:
            return False
        host = (match[1] or match[2]).lower()
        return host in self._names or _is_local(host, scope)

    def _is_our_origin(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        if "origin" not in headers:  # no browser
            return True
        try:
            origin = urlsplit(headers["origin"])
            # The port counts: another program's page on this machine is a stranger, too.
            return origin.netloc == headers["host"] or origin.hostname in self._allowed
        except ValueError:
            return False


class LoopbackOnly:
    """ASGI middleware for a server that strangers reach and nothing keeps them out of.

    The start has been refused where the address was known by then; some servers bind later.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if it arrived on a loopback address or a local socket, else 403."""
        arrived = (scope.get("server") or ("",))[0]
        if scope["type"] in ("http", "websocket") and _is_exposed(arrived):
            log.error("refused a request to %s: set PORTEYE_TOKEN to serve it", arrived)
            refusal = error_response(
                403,
                "not_open_to_others",
                "This dashboard serves its own machine alone.",
                "Start it with PORTEYE_TOKEN set to open it to others.",
            )
            return await refusal(scope, receive, send)
        return await self._app(scope, receive, send)


def _is_exposed(arrived: str) -> bool:
    try:
        ipaddress.ip_address(arrived)
    except ValueError:
        return False  # the path of a local socket
    return not is_loopback(arrived)


def _is_local(host: str, scope: Scope) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    # A socket of both families calls the IPv4 address that a client used ::ffff:192.0.2.1.
    server = (scope.get("server") or ("",))[0].removeprefix("::ffff:")
    return address.is_loopback or host == server
