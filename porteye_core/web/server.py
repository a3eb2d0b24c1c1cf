"""Setup of the dashboard's process: configuration, API, guards and monitor."""

import base64
import gc
import hashlib
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from porteye_core import config as configuration
from porteye_core.api import (
    BasePath,
    Guesses,
    HostGuard,
    LoopbackOnly,
    SecurityHeaders,
    TokenGuard,
    create_api,
    create_metrics,
    page_policy,
)
from porteye_core.config import Config
from porteye_core.errors import ConfigError
from porteye_core.guards.access import Access, check_bound, check_stops, token
from porteye_core.guards.error_response import READ_ONLY, error_response
from porteye_core.restarts import Restarts
from porteye_core.ui import layout, lookup_dialog, row_selection
from porteye_core.web.alerts_process import alerts_beside
from porteye_core.web.connections import bounded_connections
from porteye_core.web.listen_addresses import served_addresses
from porteye_core.web.monitor_process import monitor_beside
from porteye_core.web.page_files import PageFiles
from porteye_core.web.tcp_nodelay import send_at_once


@cache
def config() -> Config:
    """Configuration from the environment; a wrong variable ends the process with a message."""
    with _said_before_exit():
        found = configuration.load({}, os.environ)
        if found.fleet and find_spec("psycopg") is None:
            raise ConfigError(
                "PORTEYE_FLEET needs psycopg, which is not installed.",
                "Install it: pip install 'psycopg[binary]~=3.3'",
            )
        return found


@cache
def access() -> Access:
    """Access to page and API.

    The process ends with a message if other machines reach it, or anybody may stop processes,
    without credentials.
    """
    with _said_before_exit():
        found = Access(token(os.environ), login=_has_login())
        check_bound(found, served_addresses())
        check_stops(found, stops=config().stops)
        return found


@contextmanager
def _said_before_exit() -> Iterator[None]:
    try:
        yield
    except ConfigError as err:
        print(f"PortEye: {err}", file=sys.stderr, flush=True)  # noqa: T201 - the last word
        raise SystemExit(err.exit_status) from None


def _has_login() -> bool:
    """Tell that Streamlit's secrets configure its login."""
    files = [Path(each) for each in st.get_option("secrets.files")]
    if not st.secrets.load_if_toml_exists():
        if broken := [each for each in files if each.exists()]:
            raise ConfigError(
                f"Streamlit's secrets in {broken[0]} cannot be read, and may ask for a login.",
                "Correct the file, or move it away.",
            )
        return False
    has_login = bool(st.secrets.get("auth"))
    if has_login and find_spec("authlib") is None:
        raise ConfigError(
            "[auth] in Streamlit's secrets needs Authlib, which is not installed.",
            "Install it: pip install Authlib",
        )
    return has_login


@cache
def restarts() -> Restarts:
    """Attempts of this process to restart an ended monitor."""
    return Restarts()


@cache
def _guesses() -> Guesses:
    return Guesses()


@cache
def routes() -> tuple[BaseRoute, ...]:
    """Routes of API and metrics; Streamlit answers any other unknown path with its page."""
    api = create_api(config(), access(), _guesses(), restarts())
    base = _base_path()
    return (
        Route(
            f"{base}/metrics",
            create_metrics(config().db, access(), _guesses(), config().fleet),
        ),
        Route(f"{base}/api", _Root()),
        Mount(f"{base}/api", api),
    )


def _base_path() -> str:
    """Path below which Streamlit serves, without a final slash; empty for the root."""
    path = str(st.get_option("server.baseUrlPath")).strip("/")
    return f"/{path}" if path else ""


@cache
def middleware() -> tuple[Middleware, ...]:
    """Guards in front of page, WebSocket and API, in their order, and the form of the page."""
    guards = [
        Middleware(SecurityHeaders, {"Content-Security-Policy": page_policy(_inline_scripts())}),
        Middleware(BasePath, _base_path()),
        Middleware(HostGuard, allowed=config().allowed_hosts),
    ]
    if not access().is_guarded:
        guards.append(Middleware(LoopbackOnly))
    elif not access().login:
        guards.append(Middleware(TokenGuard, access(), _guesses()))
    scripts = lookup_dialog.script, row_selection.script
    return (*guards, Middleware(PageFiles, _base_path(), layout.style, *scripts))


def _inline_scripts() -> Iterator[str]:
    """Hashes of the inline scripts in the page, for the content security policy: Streamlit's and
    those beside the page's modules."""
    page = Path(st.__file__).with_name("static") / "index.html"
    scripts = re.findall(r"<script>(.*?)</script>", page.read_text("utf-8"), re.DOTALL)
    own = (each.read_text("utf-8") for each in (Path(__file__).parents[1] / "ui").glob("*.js"))
    for script in (*scripts, *own):
        digest = hashlib.sha256(script.encode()).digest()
        yield f"sha256-{base64.b64encode(digest).decode()}"


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[None]:
    """Run a monitor and limit connections while the server runs."""
    send_at_once()
    settle()
    async with (
        bounded_connections(),
        monitor_beside(config(), restarts()),
        alerts_beside(config()),
    ):
        yield


def settle() -> None:
    """Exclude imported objects from garbage collection.

    There are 140,000, and a collection of them takes 0.1 s in the middle of a page's rerun.
    """
    gc.collect()
    gc.freeze()


class _Root:
    """ASGI application for /api itself; a route for a function would know only some methods."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Redirect to the documentation, or answer 405."""
        method = scope["method"]
        response: Response = RedirectResponse("./api/docs")
        if method not in ("GET", "HEAD"):
            message = f"{method} /api: method not allowed."
            response = error_response(405, "method_not_allowed", message, READ_ONLY)
        await response(scope, receive, send)
