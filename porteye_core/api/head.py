"""HEAD wherever there is GET, for `curl -I` and probes."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NOTHING = {"type": "http.response.body", "body": b"", "more_body": False}


class HeadAsGet:
    """ASGI middleware: routes see a GET, and the answer ends with its headers.

    The server then reports the client as gone, which ends an export before it has been made.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            return await self._app(scope, receive, send)

        async def send_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send(_NOTHING)

        return await self._app({**scope, "method": "GET"}, receive, send_headers)
