"""Paths of requests below the base path, and references that survive a proxy.

A proxy may take a prefix off the path, and no header says reliably which one. A reference that is
relative to the requested page leads below that prefix all the same (RFC 3986, section 4.2).
"""

from urllib.parse import quote, urlsplit

from starlette.datastructures import URL, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BASE = "porteye.base"


def base(scope: Scope) -> str:
    """The base path, without a slash at its end; empty where there is none."""
    found: str = scope.get(_BASE, "")
    return found


def inside(scope: Scope) -> str:
    """The requested path as it is below the base path."""
    path: str = scope["path"]
    return path.removeprefix(base(scope)) or "/"


def is_for_programs(scope: Scope) -> bool:
    """Test for a path of the API, or that of the metrics: no page, and no form."""
    path = inside(scope)
    return path in ("/api", "/metrics") or path.startswith("/api/")


def reference(scope: Scope, target: str) -> str:
    """A relative reference from the requested page to a path below the base path."""
    # The undecoded path: %2F in it separates nothing for the browser.
    asked = (
        (scope.get("raw_path") or quote(scope["path"]).encode()).split(b"?")[0].decode("latin-1")
    )
    depth = asked.count("/") - base(scope).count("/") - 1
    if depth < 0:  # the base path itself, without the slash at its end
        return f"./{asked.rpartition('/')[2]}/{target.lstrip('/')}"
    return ("../" * depth or "./") + target.lstrip("/")


class BasePath:
    """ASGI middleware: note the base path, and make every redirect within the dashboard relative.

    Streamlit and Starlette redirect to whole paths, and some to the Host that they see, which a
    proxy may have rewritten.
    """

    def __init__(self, app: ASGIApp, base_path: str = "") -> None:
        self._app = app
        self._base_path = base_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and its answer back with a relative Location."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        # In the server's own scope: it logs what is in there, of which the guards take the token.
        scope[_BASE] = scope.get("root_path", "") + self._base_path

        async def send_relative(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "location" in headers:
                    headers["location"] = _relative(scope, headers["location"])
            await send(message)

        return await self._app(scope, receive, send_relative)


def _relative(scope: Scope, location: str) -> str:
    """The location as a reference, if it leads to a path of this dashboard."""
    parts = urlsplit(location)
    is_own = not parts.netloc or parts.netloc == URL(scope=scope).netloc
    if not is_own or not parts.path.startswith(f"{base(scope)}/"):
        return location
    query = f"?{parts.query}" if parts.query else ""
    return reference(scope, parts.path.removeprefix(base(scope))) + query
