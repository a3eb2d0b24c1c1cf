"""Refuses what other machines' names and pages send to this one, and whoever is not to be here."""

import ipaddress
import logging
import re
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from porteye_core.guards.access import is_loopback
from porteye_core.guards.base_path import inside
from porteye_core.guards.error_pages import refusal

log = logging.getLogger("porteye.api")

# A name or an address, and a port; anything else in a Host header is an attempt to mislead.
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?")
_SAFE = ("GET", "HEAD", "OPTIONS")
# Streamlit's page fetches these before it opens its WebSocket, and shows the body of a refusal.
# It shows nothing of a WebSocket that is refused.
_BEFORE_THE_WEBSOCKET = ("/_stcore/health", "/_stcore/host-config")


class HostGuard:
    """ASGI middleware for HTTP and WebSocket: Host and Origin must be this machine's.

    The Host is localhost, a loopback address, the machine's own name, the address that the client
    connected to, or one of `allowed`: a rebound DNS name is none of them. What may change
    something, and every WebSocket, comes from the page itself, from a page of `allowed`, or from no
    page at all.
    """

    def __init__(self, app: ASGIApp, allowed: Iterable[str] = ()) -> None:
        self._app = app
        self._allowed = frozenset(allowed)
        self._names = {"localhost", socket.gethostname().lower(), *self._allowed}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 400 or 403 (a WebSocket is closed before it opens)."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        refused = self._refused(scope)
        if refused is not None:
            return await refused(scope, receive, send)
        _name_one_origin(scope)
        return await self._app(scope, receive, send)

    def _refused(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if not self._is_our_host(scope):
            return refusal(
                scope,
                400,
                "host_refused",
                "The Host header names another machine.",
                f"Use http://localhost, or {_remedy(headers)}",
            )
        if scope.get("method") not in _SAFE and not self._is_our_page("origin", headers):
            return refusal(
                scope,
                403,
                "origin_refused",
                "The Origin header names another page.",
                "Behind a proxy, list its name in PORTEYE_ALLOWED_HOSTS.",
            )
        if _precedes_a_websocket(scope) and not self._is_our_page("referer", headers):
            return _shown_by_streamlit(headers["referer"])
        return None

    def _is_our_host(self, scope: Scope) -> bool:
        values = Headers(scope=scope).getlist("host")
        if not values:
            # HTTP/1.0 knows no Host, and every browser sends one: nobody is misled.
            return scope.get("http_version") == "1.0" and scope.get("method") in _SAFE
        match = _HOST.fullmatch(values[0]) if len(values) == 1 else None
        if match is None:
            return False
        host = (match[1] or match[2]).lower().removesuffix(".")
        return host in self._names or _is_local(host, scope)

    def _is_our_page(self, header: str, headers: Headers) -> bool:
        if header not in headers:  # no browser
            return True
        try:
            page = urlsplit(headers[header])
        except ValueError:
            return False
        # The port counts: another program's page on this machine is a stranger, too.
        is_this = page.netloc != "" and page.netloc == headers.get("host")
        return is_this or ("@" not in page.netloc and page.hostname in self._allowed)


def _remedy(headers: Headers) -> str:
    """The setting that lets the name in, with the name if it is one."""
    match = _HOST.fullmatch(headers.get("host", ""))
    if match and match[2]:
        return f"start the dashboard with PORTEYE_ALLOWED_HOSTS={match[2].lower()}"
    return "list the name in PORTEYE_ALLOWED_HOSTS."


def _shown_by_streamlit(page: str) -> Response:
    """A refusal that Streamlit shows as it stands: a text of JSON, in lines of its box's width."""
    try:
        name = urlsplit(page).hostname or ""
    except ValueError:
        name = ""
    text = (
        f"This page cannot be used at\n    {name}\nbecause that name is not listed.\n\n"
        f"Start the dashboard with\n    PORTEYE_ALLOWED_HOSTS={name}"
    )
    return JSONResponse(text, 400)


def _precedes_a_websocket(scope: Scope) -> bool:
    site = Headers(scope=scope).get("sec-fetch-site", "same-origin")
    return inside(scope) in _BEFORE_THE_WEBSOCKET and site == "same-origin"


def _name_one_origin(scope: Scope) -> None:
    """Give a WebSocket's handshake the Host of its Origin, which has been found to be ours.

    Streamlit takes the handshake of one origin without a further question. For two it compares
    names of its own, and asks a service in the network for this machine's address first.
    """
    headers = Headers(scope=scope)
    if scope["type"] != "websocket" or "origin" not in headers:
        return
    host = urlsplit(headers["origin"]).netloc.encode("latin-1")
    others = [(name, value) for name, value in scope["headers"] if name != b"host"]
    scope["headers"] = [(b"host", host), *others]


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
            refused = refusal(
                scope,
                403,
                "not_open_to_others",
                "This dashboard serves its own machine alone.",
                "Start it with PORTEYE_TOKEN set to open it to others.",
            )
            return await refused(scope, receive, send)
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
