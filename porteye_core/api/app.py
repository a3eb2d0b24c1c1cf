"""The routes. Each request reads one moment of the database and cannot write."""

import logging
from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, Query
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from porteye_core import __version__
from porteye_core.api import files, findings, moments, notes, shapes, verdicts
from porteye_core.api.asked_database import OfDatabase, host_names, let_ask
from porteye_core.api.docs_page import docs_page
from porteye_core.api.file_names import file_name
from porteye_core.api.parameters import Before, OfEvents, OfListeners
from porteye_core.api.shapes import INVALID
from porteye_core.config import Config
from porteye_core.guards import error_response, security_headers
from porteye_core.guards.access import Access
from porteye_core.guards.rate_limit import Guesses
from porteye_core.guards.security_headers import SecurityHeaders
from porteye_core.guards.token import TokenGuard
from porteye_core.judging.opinion_fields import opinion_fields
from porteye_core.restarts import Restarts
from porteye_core.store import alerts
from porteye_core.store.database import Database, monitor_status, open_reader
from porteye_core.store.reading import Field, Form, Reader

log = logging.getLogger("porteye.api")
_Route = TypeVar("_Route", bound=Callable[..., Response])
_NOTHING = {"type": "http.response.body", "body": b"", "more_body": False}

_PORTS: dict[str, Any] = {"model": list[shapes.PORT_SHAPE]}  # type: ignore[valid-type]
_EVENTS: dict[str, Any] = {"model": list[shapes.EVENT_SHAPE]}  # type: ignore[valid-type]
_AT = Query(description="the moment, or the one of two, ISO 8601 with offset")
_VERSUS = Query(description="the other moment, ISO 8601 with offset")
# Of answers over many hosts; fleet_answers, which sends them, needs psycopg.
_FLEET_HEADERS = ("Uncertain-Hosts", "Kept-From", "Ephemeral-Count")
_FILE = {
    403: {"model": shapes.Error, "description": "The address of this file is no longer valid"},
    **INVALID,
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
            expose_headers=["Link", *(_FLEET_HEADERS if config.fleet else ())],
        )
    api.add_middleware(SecurityHeaders, security_headers.API)
    let_ask(api, config)
    _add_routes(api, config, restarts or Restarts())
    verdicts.add(api, config)
    findings.add(api, config)
    notes.add(api, config, access or Access(), guesses or Guesses())
    for form in Form:
        _add_files(api, config, form)
    if config.fleet:
        from porteye_core.api.fleet import routes as fleet_routes  # noqa: PLC0415 - which alone needs psycopg

        fleet_routes.add(api, config)
    return api


def _add_routes(api: FastAPI, config: Config, restarts: Restarts) -> None:
    @api.get("/ports", responses={200: _PORTS, **INVALID})
    def ports(which: OfListeners, db: OfDatabase) -> Response:
        """The open listeners, by port; `since` and `until` bound the time at which each opened."""
        now = moments.now()
        with open_reader(db) as reader:
            monitor = reader.status(now)
            if not monitor.is_current:
                return moments.not_watching(monitor, db)
            return JSONResponse(reader.open_now_records(which, now))

    @api.get("/history", responses={200: _EVENTS, **INVALID})
    def history(
        request: Request, which: OfEvents, db: OfDatabase, before: Before = None
    ) -> Response:
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

    @api.get("/health", responses={200: {"model": shapes.Health}, **INVALID})
    def health(db: OfDatabase) -> Response:
        """The state of the monitor, its limits, and the state of the alerts process."""
        status = monitor_status(db, moments.now())
        of_alerts = alerts.alerts_health(config.alerts_file)
        return JSONResponse(shapes.health(status, of_alerts, restarts, __version__))

    @api.get("/docs", include_in_schema=False)
    def docs(request: Request) -> Response:
        return HTMLResponse(docs_page(api.openapi(), request.scope.get("root_path", "")))


def _opinions(config: Config, form: Form, db: Database) -> dict[str, Field]:
    """The fields of opinions, which CSV alone has. Raises StoreError if notes cannot be read."""
    if form is not Form.CSV:
        return {}
    (host,) = host_names(db) or ("",)
    notes = alerts.read_notes(config.alerts_file, host)
    return opinion_fields(config, notes, moments.now(), host)


def _add_files(api: FastAPI, config: Config, form: Form) -> None:
    csv_only: dict[str, Any] = {"response_class": Response} if form is Form.CSV else {}

    def route(name: str, shape: Any) -> Callable[[_Route], _Route]:
        answered = {200: files.answers(form, shape), **_FILE}
        return api.get(f"/{name}.{form}", responses=answered, **csv_only)

    @route("history", shapes.EVENT_SHAPE)
    def history_file(
        request: Request, which: OfEvents, db: OfDatabase, before: Before = None
    ) -> Response:
        """The whole history that the filters let through; `limit` does not count."""
        until, of = which.until or moments.now(), host_names(db)
        name = file_name("history", form, which, which.since, until, hosts=of)
        more = _opinions(config, form, db)
        return files.file_response(
            request,
            db,
            lambda reader: reader.export_history(form, which, before, more=more),
            name,
            form,
        )

    @route("ports", shapes.PORT_SHAPE)
    def ports_file(request: Request, which: OfListeners, db: OfDatabase) -> Response:
        """The open listeners, by port; `since` and `until` do not count."""
        now = moments.now()
        if not (monitor := monitor_status(db, now)).is_current:
            return moments.not_watching(monitor, db)
        name = file_name("now", form, which, now, hosts=host_names(db))
        more = _opinions(config, form, db)
        return files.file_response(
            request, db, lambda reader: reader.export_now(form, which, now, more), name, form
        )

    @route("moment", shapes.MOMENT_SHAPE)
    def moment_file(
        request: Request, which: OfListeners, db: OfDatabase, at: Annotated[str, _AT]
    ) -> Response:
        """The listeners that were open at a moment, by port; `since` and `until` do not count."""
        (moment,) = moments.moments(at=at)
        name = file_name("at", form, which, moment, hosts=host_names(db))

        def export(reader: Reader) -> Iterator[str]:
            more = _opinions(config, form, db)
            return reader.export_at(form, which, *moments.covered(reader, moment), more)

        return files.file_response(request, db, export, name, form)

    @route("changes", shapes.CHANGE_SHAPE)
    def changes_file(
        request: Request,
        which: OfListeners,
        db: OfDatabase,
        at: Annotated[str, _AT],
        versus: Annotated[str, _VERSUS],
    ) -> Response:
        """The changes between two moments, the most important first; `since` and `until` do not
        count."""
        earlier, later = sorted(moments.moments(at=at, versus=versus))
        name = file_name("changes", form, which, earlier, later, hosts=host_names(db))

        def export(reader: Reader) -> Iterator[str]:
            moments.covered(reader, later)
            watching = reader.status(moments.now()).is_current
            return reader.export_changes(form, which, earlier, later, watching=watching)

        return files.file_response(request, db, export, name, form)
