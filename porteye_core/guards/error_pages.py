"""Small self-contained pages, for who is not let in yet."""

from html import escape

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

from porteye_core.guards.base_path import is_for_programs
from porteye_core.guards.error_response import error_response

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 24rem; margin: 20vh auto 0; padding: 0 1rem; overflow-wrap: break-word; }
label, input, button { display: block; width: 100%; box-sizing: border-box; font: inherit; }
input, button { padding: 0.5rem; margin: 0.3rem 0 1rem; }
p[role=alert] { color: #b3261e; }
@media (prefers-color-scheme: dark) { p[role=alert] { color: #ff8a80; } }
"""


def small_page(body: str, status: int, *, head: str = "") -> HTMLResponse:
    """A page with this HTML in its body, kept by no cache."""
    return HTMLResponse(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>PortEye</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f"{head}<style>{_STYLE}</style><h1>PortEye</h1>{body}</html>",
        status,
        {"Cache-Control": "no-store"},
    )


def wants_page(scope: Scope) -> bool:
    """Test for a browser that asks for a page, and not for data."""
    accepted = Headers(scope=scope).get("accept", "")
    return scope["type"] == "http" and not is_for_programs(scope) and "text/html" in accepted


def refusal(scope: Scope, status: int, code: str, message: str, hint: str) -> Response:
    """An error as a page for a browser, in the API's shape for everything else."""
    if not wants_page(scope):
        return error_response(status, code, message, hint)
    return small_page(f'<p role="alert">{escape(message)}</p><p>{escape(hint)}</p>', status)
