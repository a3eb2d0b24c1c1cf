"""The token, asked of whoever wants page, WebSocket or API."""

import logging
from urllib.parse import parse_qs, parse_qsl, quote, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from porteye_core.guards import login_page
from porteye_core.guards.access import LONGEST_TOKEN, Access
from porteye_core.guards.base_path import base, inside, is_for_programs, reference
from porteye_core.guards.error_pages import wants_page
from porteye_core.guards.error_response import error_response
from porteye_core.guards.rate_limit import Guesses
from porteye_core.guards.tickets import has_ticket

log = logging.getLogger("porteye.api")

# Probes of a load balancer have no token, and the answer is "ok".
_OPEN = ("/_stcore/health",)
_LARGEST_FORM = 8 * LONGEST_TOKEN
_BEARER = "bearer "
_REFUSALS = {
    400: ("form_incomplete", "Send all of the form."),
    401: (
        "token_required",
        "Send the header Authorization: Bearer and the token of PORTEYE_TOKEN.",
    ),
    403: ("ticket_expired", "Reload the page, and export the file from there."),
    413: ("form_too_large", "Send the token and nothing else."),
    429: ("too_many_tokens", "Try again in a minute."),
}
_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_NO_TOKEN = "The API takes a token, and this dashboard was started without PORTEYE_TOKEN."  # noqa: S105 - a sentence


class TokenGuard:
    """ASGI middleware for HTTP and WebSocket: a Bearer token, or the cookie of who gave it once.

    A browser that has neither is answered with a form, and `?token=` once in the address stands
    for the form; the address is cleaned before anything logs it.
    """

    def __init__(self, app: ASGIApp, access: Access, guesses: Guesses) -> None:
        self._app = app
        self._access = access
        self._guesses = guesses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with 401, 429, the form, or the cookie."""
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        in_address = _taken_from_address(scope)
        request = HTTPConnection(scope)
        try:
            if scope["type"] == "http" and inside(scope) == login_page.PATH:
                answer = await self._of_form(Request(scope, receive))
            elif in_address is not None and _is_page(scope):
                answer = await self._entered(request, in_address, _address(scope))
            else:
                if not _is_open(request):
                    await self._check(request)
                return await self._app(scope, receive, send)
        except HTTPException as refused:
            answer = _refusal(request, refused)
        return await answer(scope, receive, send)

    async def _check(self, request: HTTPConnection) -> None:
        file, query = _file(request.scope)
        if self._access.is_cookie(request.cookies) or self._access.tickets.is_valid(file, query):
            return
        if has_ticket(query):
            raise HTTPException(403, "The address of this file is no longer valid.")
        await check_bearer(request, self._access, self._guesses)

    async def _of_form(self, request: Request) -> Response:
        if request.method != "POST":
            return login_page.login_page(request.scope, "/")
        body = b""
        try:
            async for piece in request.stream():
                body += piece
                if len(body) > _LARGEST_FORM:
                    raise HTTPException(413, "The form is too large.")
        except ClientDisconnect:
            raise HTTPException(400, "The form is not complete.") from None
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=4)
        then = login_page.own_path(fields.get("then", ["/"])[0])
        return await self._entered(request, fields.get("token", [""])[0], then)

    async def _entered(self, request: HTTPConnection, given: str, then: str) -> Response:
        """The way on, with the cookie; the form again if the token is wrong."""
        try:
            await _check_token(request, given, self._access, self._guesses)
        except HTTPException as refused:
            return login_page.login_page(
                request.scope, then, status=refused.status_code, problem=refused.detail
            )
        to = reference(request.scope, then)
        response = RedirectResponse(to, 303, {"Cache-Control": "no-store"})
        name, value = self._access.cookie
        secure = request.scope["scheme"] == "https"
        path = base(request.scope) or "/"
        response.set_cookie(name, value, path=path, httponly=True, samesite="strict", secure=secure)
        return response


async def check_bearer(request: HTTPConnection, access: Access, guesses: Guesses) -> None:
    """Raise HTTPException, 401 or 429, if the header of a request has not the token."""
    if not access.token:
        raise HTTPException(401, _NO_TOKEN, _CHALLENGE)
    header = request.headers.get("authorization", "")
    if not header.lower().startswith(_BEARER):
        raise HTTPException(401, "This needs the token.", _CHALLENGE)
    await _check_token(request, header[len(_BEARER) :].strip(), access, guesses)


async def _check_token(
    request: HTTPConnection, given: str, access: Access, guesses: Guesses
) -> None:
    if access.is_token(given):
        return
    address = request.client.host if request.client else ""
    if await guesses.was_wrong(address):
        raise HTTPException(429, "Too many wrong tokens were given.", {"Retry-After": "60"})
    log.warning("refused a wrong token from %s", address)
    raise HTTPException(401, "This is not the token.", _CHALLENGE)


def refusal_of(refused: HTTPException) -> Response:
    """The refusal of a token, for programs."""
    code, hint = _REFUSALS[refused.status_code]
    answer = error_response(refused.status_code, code, refused.detail, hint)
    answer.headers.update(refused.headers or {})
    return answer


def _refusal(request: HTTPConnection, refused: HTTPException) -> Response:
    scope = request.scope
    if _is_page(scope) and wants_page(scope):
        again = request.headers.get("sec-fetch-site") == "cross-site"
        return login_page.login_page(
            scope, _address(scope), status=refused.status_code, again=again
        )
    return refusal_of(refused)


def _is_open(request: HTTPConnection) -> bool:
    """Health probes; and the question of another origin's page, which never has credentials."""
    scope = request.scope
    asks = "access-control-request-method" in request.headers
    return inside(scope) in _OPEN or (asks and scope.get("method") == "OPTIONS")


def _file(scope: Scope) -> tuple[str, str]:
    """The last part of the path, and the query."""
    return scope["path"].rpartition("/")[2], scope["query_string"].decode("latin-1")


def _is_page(scope: Scope) -> bool:
    is_read = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
    return is_read and not is_for_programs(scope)


def _taken_from_address(scope: Scope) -> str | None:
    """The token in the address, taken out of it: the server logs what it finds there."""
    query = scope["query_string"].decode("latin-1")
    if "token" not in query:
        return None
    pairs = parse_qsl(query, keep_blank_values=True)
    kept = [(name, value) for name, value in pairs if name != "token"]
    scope["query_string"] = urlencode(kept).encode("ascii")
    return next((value for name, value in pairs if name == "token"), None)


def _address(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return login_page.own_path(quote(inside(scope))) + (f"?{query}" if query else "")
