"""The routes. Each request reads one moment of the database and cannot write."""

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, Query
from pydantic import BeforeValidator, Field
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from porteye_core import __version__, filters
from porteye_core.api import files, shapes
from porteye_core.api.docs_page import docs_page
from porteye_core.api.file_names import file_name
from porteye_core.api.parameters import OfEvents, OfListeners
from porteye_core.config import Config, monitor_command
from porteye_core.errors import FilterError
from porteye_core.guards import error_response, security_headers
from porteye_core.guards.access import Access
from porteye_core.guards.rate_limit import Guesses
from porteye_core.guards.security_headers import SecurityHeaders
from porteye_core.guards.token import TokenGuard
from porteye_core.restarts import Restarts
from porteye_core.store.reading import (
    Form,
    MomentCoverage,
    Reader,
    State,
    Status,
    monitor_status,
    open_reader,
)
from porteye_core.system.clock import timestamp

log = logging.getLogger("porteye.api")
_Route = TypeVar("_Route", bound=Callable[..., Response])
_NOTHING = {"type": "http.response.body", "body": b"", "more_body": False}

_Before = Annotated[
    Annotated[int, Field(ge=1, le=2**63 - 1)] | None,
    BeforeValidator(lambda value: None if value == "" else value),
    Query(description="only events before the one of this id: the last one of the page before"),
]
_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": shapes.Error, "description": "The Host header names another machine"},
    401: {"model": shapes.Error, "description": "A token is set, and this is not it"},
    429: {"model": shapes.Error, "description": "Too many wrong tokens were given"},
    503: {
        "model": shapes.Error,
        "description": "No monitor is running, there is no database, or the question took too long",
    },
}


_INVALID: dict[int | str, dict[str, Any]] = {
    422: {"model": shapes.Error, "description": "A parameter has a value that cannot be used"},
    **_ERRORS,
}
_PORTS: dict[str, Any] = {"model": list[shapes.PORT_SHAPE]}  # type: ignore[valid-type]
_EVENTS: dict[str, Any] = {"model": list[shapes.EVENT_SHAPE]}  # type: ignore[valid-type]
_AT = Query(description="the moment, or the one of two, ISO 8601 with offset")
_VERSUS = Query(description="the other moment, ISO 8601 with offset")
_FILE: dict[int | str, dict[str, Any]] = {
    403: {"model": shapes.Error, "description": "The address of this file is no longer valid"},
    **_INVALID,
}


class HeadAsGet:
    """ASGI middleware for HEAD wherever there is GET, for `curl -I` and probes: routes see a GET,
    and the answer ends with its security_headers.
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

        as_get = {**scope, "method": "GET", files.HEADERS_ONLY: True}
        return await self._app(as_get, receive, send_headers)


def create_api(
    config: Config,
    access: Access | None = None,
    guesses: Guesses | None = None,
    restarts: Restarts | None = None,
) -> FastAPI:
    """The application to mount at /api, by itself as guarded as `access` says."""
    api = FastAPI(
        title="PortEye",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        # Relative to the description itself: a proxy may have put a prefix before its path.
        servers=[{"url": "../api"}],
        root_path_in_servers=False,
    )
    error_response.install(api)
    api.add_middleware(HeadAsGet)
    if access and access.is_guarded:
        api.add_middleware(TokenGuard, access, guesses or Guesses())
    if config.cors_origin:
        api.add_middleware(
            CORSMiddleware,
            allow_origins=[config.cors_origin],
            allow_methods=["GET"],
            allow_headers=["Authorization"],
            expose_headers=["Link"],
        )
    api.add_middleware(SecurityHeaders, security_headers.API)
    _add_routes(api, config.db, restarts or Restarts())
    for form in Form:
        _add_files(api, config.db, form)
    return api


def _add_routes(api: FastAPI, db: Path, restarts: Restarts) -> None:
    @api.get("/ports", responses={200: _PORTS, **_INVALID})
    def ports(which: OfListeners) -> Response:
        """The open listeners, by port; `since` and `until` bound the time at which each opened."""
        now = _now()
        with open_reader(db) as reader:
            monitor = reader.status(now)
            if not monitor.is_current:
                return _not_watching(monitor, db)
            return JSONResponse(reader.open_now_records(which, now))

    @api.get("/history", responses={200: _EVENTS, **_INVALID})
    def history(request: Request, which: OfEvents, before: _Before = None) -> Response:
        """The events, the newest first. Where there may be more, the header Link names
        the next page, whose rel is next."""
        with open_reader(db) as reader:
            found = reader.event_records(which, before)
            # Here, so that a value which only damage can have put there is the database's fault.
            response = JSONResponse(found)
        if len(found) == which.limit:
            older = request.url.include_query_params(before=found[-1]["id"])
            response.headers["Link"] = f'<?{older.query}>; rel="next"'
        return response

    @api.get("/health", responses={200: {"model": shapes.Health}, **_ERRORS})
    def health() -> Response:
        """The state of the monitor, and its limits."""
        return JSONResponse(shapes.health(monitor_status(db, _now()), restarts, __version__))

    @api.get("/docs", include_in_schema=False)
    def docs(request: Request) -> Response:
        return HTMLResponse(docs_page(api.openapi(), request.scope.get("root_path", "")))


def _add_files(api: FastAPI, db: Path, form: Form) -> None:
    csv_only: dict[str, Any] = {"response_class": Response} if form is Form.CSV else {}

    def route(name: str, shape: Any) -> Callable[[_Route], _Route]:
        answered = {200: files.answers(form, shape), **_FILE}
        return api.get(f"/{name}.{form}", responses=answered, **csv_only)

    @route("history", shapes.EVENT_SHAPE)
    def history_file(request: Request, which: OfEvents, before: _Before = None) -> Response:
        """The whole history that the filters let through; `limit` does not count."""
        name = file_name("history", form, which, which.since, which.until or _now())
        return files.file_response(
            request, db, lambda reader: reader.export_history(form, which, before), name, form
        )

    @route("ports", shapes.PORT_SHAPE)
    def ports_file(request: Request, which: OfListeners) -> Response:
        """The open listeners, by port; `since` and `until` do not count."""
        now = _now()
        if not (monitor := monitor_status(db, now)).is_current:
            return _not_watching(monitor, db)
        name = file_name("now", form, which, now)
        return files.file_response(
            request, db, lambda reader: reader.export_now(form, which, now), name, form
        )

    @route("moment", shapes.MOMENT_SHAPE)
    def moment_file(request: Request, which: OfListeners, at: Annotated[str, _AT]) -> Response:
        """The listeners that were open at a moment, by port; `since` and `until` do not count."""
        (moment,) = _moments(at=at)
        name = file_name("at", form, which, moment)

        def export(reader: Reader) -> Iterator[str]:
            return reader.export_at(form, which, *_covered(reader, moment))

        return files.file_response(request, db, export, name, form)

    @route("changes", shapes.CHANGE_SHAPE)
    def changes_file(
        request: Request,
        which: OfListeners,
        at: Annotated[str, _AT],
        versus: Annotated[str, _VERSUS],
    ) -> Response:
        """The changes between two moments, the most important first; `since` and `until` do not
        count."""
        earlier, later = sorted(_moments(at=at, versus=versus))
        name = file_name("changes", form, which, earlier, later)

        def export(reader: Reader) -> Iterator[str]:
            _covered(reader, later)
            watching = reader.status(_now()).is_current
            return reader.export_changes(form, which, earlier, later, watching=watching)

        return files.file_response(request, db, export, name, form)


def _moments(**given: str) -> Iterator[int]:
    """The times of these parameters. Raises FilterError where one is missing or has not come."""
    for name, text in given.items():
        at = filters.time(name, text)
        if at is None or at > _now():
            wrong = "No time is given." if at is None else f"{text} has not come yet."
            raise FilterError(name, wrong, "Use a time that is over, like 2026-01-31T03:10:00Z.")
        yield at


def _covered(reader: Reader, at: int) -> tuple[int, MomentCoverage]:
    """A moment with its coverage. Raises FilterError if it is before the first watch."""
    how = reader.coverage_at(at, watching=reader.status(_now()).is_current)
    if how.gap is not None and how.gap.start is None:
        raise FilterError(
            "at", f"Nobody watched yet at {timestamp(at)}.", "Use a time after the first watch."
        )
    return at, how


def _not_watching(monitor: Status, db: Path) -> Response:
    messages = {
        State.STARTING: "The monitor is starting and has not scanned yet.",
        State.HOLDING: "The monitor cannot write: what it sees waits in its memory.",
        State.STALLED: "The monitor runs, but has not been able to scan for a while.",
    }
    return error_response.error_response(
        503,
        f"monitor_{monitor.state}",
        messages.get(monitor.state, "The monitor is not running: what listens now is not known."),
        f"{monitor.trouble} Try again in a moment.".lstrip()
        if monitor.state in (State.STARTING, State.HOLDING)
        else f"Start it: {monitor_command(db)} (/api/history still answers).",
    )


def _now() -> int:
    return time.time_ns() // 1000
