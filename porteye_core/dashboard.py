"""What stands around the page in its process: configuration, API, guard and monitor."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from porteye_core import config as configuration
from porteye_core.api import HostGuard, create_api
from porteye_core.api.errors import READ_ONLY, error_response
from porteye_core.config import Config
from porteye_core.errors import ConfigError
from porteye_core.launcher import monitor_beside
from porteye_core.nodelay import send_at_once

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@cache
def config() -> Config:
    """The dashboard's configuration, from the environment; ends the process with a sentence if a
    variable is wrong."""
    try:
        return configuration.load({}, os.environ)
    except ConfigError as err:
        raise SystemExit(f"PortEye: {err}") from None


@cache
def routes() -> tuple[BaseRoute, ...]:
    """The API, under one mount: Streamlit answers any other unknown path with its page."""
    api = create_api(config())
    return (Route("/api", _root, methods=_METHODS), Mount("/api", api))


@cache
def middleware() -> tuple[Middleware, ...]:
    """The guard, in front of page, WebSocket and API alike."""
    return (Middleware(HostGuard, allowed=config().allowed_hosts),)


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[None]:
    """While the server runs, a monitor does."""
    send_at_once()
    async with monitor_beside(config()):
        yield


async def _root(request: Request) -> Response:
    if request.method in ("GET", "HEAD"):
        return RedirectResponse("/api/docs")
    return error_response(
        405, "method_not_allowed", f"{request.method} /api: method not allowed.", READ_ONLY
    )
