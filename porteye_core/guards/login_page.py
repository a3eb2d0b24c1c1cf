"""The page that asks for the token, self-contained: nothing else is served to who has none."""

from html import escape

from starlette.responses import HTMLResponse
from starlette.types import Scope

from porteye_core.guards.base_path import reference
from porteye_core.guards.error_pages import small_page

PATH = "/_porteye/login"


def login_page(
    scope: Scope, then: str, *, status: int = 401, problem: str = "", again: bool = False
) -> HTMLResponse:
    """The form, which leads on to `then`, a path below the base path.

    `again` loads that path once more instead: a link on another site brings no SameSite=Strict
    cookie with it, and a page that reloads itself does.
    """
    to = escape(reference(scope, then))
    refresh = f'<meta http-equiv="refresh" content="0; url={to}">' if again else ""
    alert = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    return small_page(
        f'<form method="post" action="{escape(reference(scope, PATH))}">'
        f'<input type="hidden" name="then" value="{escape(then)}">'
        '<label for="token">Token</label><input id="token" name="token" type="password"'
        f' autocomplete="current-password" required autofocus>{alert}'
        "<button>Open</button></form>"
        "<p>It is the one that PORTEYE_TOKEN has where the dashboard was started.</p>",
        status,
        head=refresh,
    )


def own_path(path: str) -> str:
    """The path if it leads to this server, else the first page.

    >>> own_path("/history?port=80"), own_path("//evil.example"), own_path("https://evil.example")
    ('/history?port=80', '/', '/')
    """
    is_own = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if is_own and path.isprintable() and "\\" not in path else "/"
