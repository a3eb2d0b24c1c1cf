"""What stands around the page in its process: configuration, API, guard and monitor."""

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
from porteye_core.access import Access, check_bound, token
from porteye_core.api import (
    BasePath,
    Guesses,
    HostGuard,
    LoopbackOnly,
    SecurityHeaders,
    TokenGuard,
    create_api,
    page_policy,
)
from porteye_core.api.errors import READ_ONLY, error_response
from porteye_core.binding import served_addresses
from porteye_core.config import Config
from porteye_core.connections import bounded_connections
from porteye_core.errors import ConfigError
from porteye_core.launcher import monitor_beside
from porteye_core.nodelay import send_at_once
from porteye_core.restarts import Restarts


@cache
def config() -> Config:
    """The dashboard's configuration, from the environment; ends the process with a sentence if a
    variable is wrong."""
    with _said_before_exit():
        return configuration.load({}, os.environ)


@cache
def access() -> Access:
    """Who may use page and API; ends the process with a sentence if strangers reach it and nothing
    keeps them out."""
    with _said_before_exit():
        found = Access(token(os.environ), login=_has_login())
        check_bound(found, served_addresses())
        return found


@contextmanager
def _said_before_exit() -> Iterator[None]:
    try:
        yield
    except ConfigError as err:
        print(f"PortEye: {err}", file=sys.stderr, flush=True)  # noqa: T201 - the last word
        raise SystemExit(err.exit_status) from None


def _has_login() -> bool:
    """Whether Streamlit's secrets configure its login."""
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
    """The tries of this process to replace a monitor that has ended."""
    return Restarts()


@cache
def _guesses() -> Guesses:
    return Guesses()


@cache
def routes() -> tuple[BaseRoute, ...]:
    """The API, under one mount: Streamlit answers any other unknown path with its page."""
    api = create_api(config(), access(), _guesses(), restarts())
    return (Route(f"{_base_path()}/api", _Root()), Mount(f"{_base_path()}/api", api))


def _base_path() -> str:
    """The path that Streamlit serves below, without a slash at its end; empty for the root."""
    path = str(st.get_option("server.baseUrlPath")).strip("/")
    return f"/{path}" if path else ""


@cache
def middleware() -> tuple[Middleware, ...]:
    """The guards, in front of page, WebSocket and API alike, the first one first."""
    guards = [
        Middleware(SecurityHeaders, {"Content-Security-Policy": page_policy(_inline_scripts())}),
        Middleware(BasePath, _base_path()),
        Middleware(HostGuard, allowed=config().allowed_hosts),
    ]
    if not access().is_guarded:
        guards.append(Middleware(LoopbackOnly))
    elif not access().login:
        guards.append(Middleware(TokenGuard, access(), _guesses()))
    return tuple(guards)


def _inline_scripts() -> Iterator[str]:
    """The hashes of the scripts that Streamlit's page has in itself, for its policy."""
    page = Path(st.__file__).with_name("static") / "index.html"
    for script in re.findall(r"<script>(.*?)</script>", page.read_text("utf-8"), re.DOTALL):
        digest = hashlib.sha256(script.encode()).digest()
        yield f"sha256-{base64.b64encode(digest).decode()}"


@asynccontextmanager
async def lifespan(_app: object) -> AsyncIterator[None]:
    """While the server runs, a monitor does, and the server's connections are bounded."""
    send_at_once()
    settle()
    async with bounded_connections(), monitor_beside(config(), restarts()):
        yield


def settle() -> None:
    """Tell the garbage collector that what is imported stays: it has 140,000 objects, and to look
    through them takes a tenth of a second, in the middle of some rerun of a page."""
    gc.collect()
    gc.freeze()


class _Root:
    """/api itself, as an ASGI application: a route for a function knows some methods only."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lead to the description, or answer 405."""
        method = scope["method"]
        response: Response = RedirectResponse("./api/docs")
        if method not in ("GET", "HEAD"):
            message = f"{method} /api: method not allowed."
            response = error_response(405, "method_not_allowed", message, READ_ONLY)
        await response(scope, receive, send)
