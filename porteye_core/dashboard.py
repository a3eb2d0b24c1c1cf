"""What stands around the page in its process: configuration, API, guard and monitor."""

import base64
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
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from porteye_core import config as configuration
from porteye_core.access import Access, check_bound, token
from porteye_core.api import (
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
from porteye_core.errors import ConfigError
from porteye_core.launcher import monitor_beside
from porteye_core.nodelay import send_at_once

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


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
    try:
        has_login = st.secrets.load_if_toml_exists() and bool(st.secrets.get("auth"))
    except (OSError, ValueError, st.errors.Error) as err:
        raise ConfigError(
            f"Streamlit's secrets cannot be read: {err}.", "Correct secrets.toml."
        ) from err
    if has_login and find_spec("authlib") is None:
        raise ConfigError(
            "[auth] in Streamlit's secrets needs Authlib, which is not installed.",
            "Install it: pip install Authlib",
        )
    return has_login


@cache
def _guesses() -> Guesses:
    return Guesses()


@cache
def routes() -> tuple[BaseRoute, ...]:
    """The API, under one mount: Streamlit answers any other unknown path with its page."""
    api = create_api(config(), access(), _guesses())
    return (Route("/api", _root, methods=_METHODS), Mount("/api", api))


@cache
def middleware() -> tuple[Middleware, ...]:
    """The guards, in front of page, WebSocket and API alike, the first one first."""
    guards = [
        Middleware(SecurityHeaders, {"Content-Security-Policy": page_policy(_inline_scripts())}),
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
