"""Streamlit's page and its files, as the browser gets them: styled from the start, compressed.

Streamlit sends its files raw, which saves time on this machine alone: 4.6 MB come before the first
table, and 1.5 MB with gzip. It also sends a page without a style, so that what is drawn first jumps
when the style arrives.
"""

import asyncio
import gzip
import os
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from porteye_core.accepted import accepts_gzip

_COMPRESSED = ("text/", "application/javascript", "application/json", "image/svg+xml")
_SUFFIX = '-gzip"'  # of the ETag of what is compressed
_LEVEL = 6  # 9 takes three times as long and saves a percent
_OTHERS = ("/api", "/metrics", "/_stcore", "/media", "/component", "/oauth2callback")
_END_OF_PAGE = b"</body>"


class PageFiles:
    """ASGI middleware that adds a style and scripts to the page, and compresses it and its files.

    `style`, `scripts`: read them. A file is compressed at its first request, in a thread, and kept:
    the number of files bounds the memory.
    """

    def __init__(
        self, app: ASGIApp, base: str, style: Callable[[], str], *scripts: Callable[[], str]
    ) -> None:
        self._app, self._base, self._style, self._scripts = app, base, style, scripts
        self._files: dict[tuple[str, str], bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; send the page or file that comes back."""
        path = self._path(scope)
        if path is None:
            await self._app(scope, receive, send)
        elif path.startswith("/static/"):
            await self._send_file(scope, receive, send)
        else:
            await self._send_page(scope, receive, send)

    def _path(self, scope: Scope) -> str | None:
        """Path below the base, of a request for a page or a file; None for any other."""
        if scope["type"] != "http" or scope["method"] != "GET":
            return None
        path = str(scope["path"]).removeprefix(self._base)
        return None if path.startswith(_OTHERS) or b"range" in dict(scope["headers"]) else path

    async def _send_file(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not _accepts_gzip(scope):
            await self._app(scope, receive, _varying(send))
            return
        known, asked = _without_suffix(scope)
        found = await _answer_of(self._app, {**asked, "method": "HEAD"}, receive)
        headers = MutableHeaders(scope=found.start)
        etag, status = headers.get("etag", ""), found.start["status"]
        if status == 304 and known:
            headers["etag"] = _marked(etag)
        elif status == 200 and etag and _is_compressed(headers):
            found.body = await self._compressed(etag, asked)
            headers["etag"] = _marked(etag)
            headers["content-encoding"] = "gzip"
            del headers["accept-ranges"]
        elif status != 304:
            await self._app(scope, receive, _varying(send))
            return
        _vary(headers)
        await found.send_to(send)

    async def _compressed(self, etag: str, asked: Scope) -> bytes:
        # The tag is made of time and size, which two files of a package can share.
        of = os.path.normcase(os.path.normpath(asked["path"])), etag
        if of not in self._files:
            raw = (await _answer_of(self._app, asked, _unbroken())).body
            self._files[of] = await asyncio.to_thread(gzip.compress, raw, _LEVEL)
        return self._files[of]

    async def _send_page(self, scope: Scope, receive: Receive, send: Send) -> None:
        # A copy that the browser has kept may be of another version, and have another style.
        left_out = (b"if-none-match", b"if-modified-since", b"accept-encoding")
        kept = [each for each in scope["headers"] if each[0] not in left_out]
        found = await _answer_of(self._app, {**scope, "headers": kept}, receive)
        headers = MutableHeaders(scope=found.start)
        is_page = headers.get("content-type", "").startswith("text/html")
        if found.start["status"] == 200 and is_page and _END_OF_PAGE in found.body:
            # At the end of the body the style comes after those that Streamlit adds to the head.
            scripts = "".join(f"<script>{each()}</script>" for each in self._scripts)
            own = f"{scripts}<style>{self._style()}</style>".encode()
            found.body = found.body.replace(_END_OF_PAGE, own + _END_OF_PAGE)
            for name in ("etag", "last-modified", "accept-ranges"):
                del headers[name]
            _vary(headers)
            if _accepts_gzip(scope):
                found.body = gzip.compress(found.body, _LEVEL)
                headers["content-encoding"] = "gzip"
        await found.send_to(send)


class _Answer:
    """Answer of the application, whole."""

    def __init__(self) -> None:
        self.start: Message = {}
        self.body = b""

    async def receive(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    async def send_to(self, send: Send) -> None:
        headers = MutableHeaders(scope=self.start)
        if self.start["status"] != 304:
            headers["content-length"] = str(len(self.body))
        await send(self.start)
        await send({"type": "http.response.body", "body": self.body})


async def _answer_of(app: ASGIApp, scope: Scope, receive: Receive) -> _Answer:
    found = _Answer()
    await app(scope, receive, found.receive)
    return found


def _unbroken() -> Receive:
    """A request that no client breaks off: of one that is, the application sends a part of the
    file, or nothing, and that would be kept."""
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()
        sent = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive


def _vary(headers: MutableHeaders) -> None:
    if "accept-encoding" not in headers.get("vary", "").lower():
        headers.add_vary_header("Accept-Encoding")


def _varying(send: Send) -> Send:
    async def send_varying(message: Message) -> None:
        if message["type"] == "http.response.start":
            _vary(MutableHeaders(scope=message))
        await send(message)

    return send_varying


def _accepts_gzip(scope: Scope) -> bool:
    return accepts_gzip(Headers(scope=scope).get("accept-encoding", ""))


def _is_compressed(headers: Headers) -> bool:
    kind = headers.get("content-type", "")
    return kind.startswith(_COMPRESSED) and "content-encoding" not in headers


def _marked(etag: str) -> str:
    return etag.removesuffix('"') + _SUFFIX


def _without_suffix(scope: Scope) -> tuple[bool, Scope]:
    """The request with the ETags of the raw files; True if it names one of a compressed file."""
    suffix, is_known, headers = _SUFFIX.encode(), False, []
    for name, value in scope["headers"]:
        if name == b"if-none-match":
            is_known = suffix in value
            headers.append((name, value.replace(suffix, b'"')))
        else:
            headers.append((name, value))
    return is_known, {**scope, "headers": headers}
