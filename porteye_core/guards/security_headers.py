"""Security headers of every answer."""

from collections.abc import Iterable, Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_COMMON = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer a form's own Origin would be null
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(),"
    " payment=(), usb=()",
}
_NOBODY = "base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
# The API's only page, its description, has one style and no script.
API = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'unsafe-inline'; {_NOBODY}",
    "Cache-Control": "no-store",
}


def page_policy(scripts: Iterable[str] = ()) -> str:
    """The policy of Streamlit's page: its own files and these inline scripts, given as hashes.

    Emotion, its styling, and Plotly write styles as they run; the tables are drawn by WebAssembly
    and workers out of blobs.
    """
    hashes = "".join(f" '{each}'" for each in scripts)
    return (
        f"default-src 'self'; script-src 'self' 'wasm-unsafe-eval'{hashes};"
        " style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:;"
        f" connect-src 'self'; worker-src 'self' blob:; frame-src 'none'; {_NOBODY}"
    )


class SecurityHeaders:
    """ASGI middleware: these headers on every answer, but those that it sets itself."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = {**_COMMON, **headers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and its answer back with the headers."""

        async def with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)
