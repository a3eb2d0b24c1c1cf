"""The page that asks for the token, self-contained: nothing else is served to who has none."""

from html import escape

from starlette.responses import HTMLResponse

PATH = "/_porteye/login"
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 24rem; margin: 20vh auto 0; padding: 0 1rem; }
label, input, button { display: block; width: 100%; box-sizing: border-box; font: inherit; }
input, button { padding: 0.5rem; margin: 0.3rem 0 1rem; }
p[role=alert] { color: #b3261e; }
@media (prefers-color-scheme: dark) { p[role=alert] { color: #ff8a80; } }
"""


def login_page(
    then: str, *, status: int = 401, problem: str = "", again: bool = False
) -> HTMLResponse:
    """The form, which leads on to the path `then`.

    `again` loads that path once more instead: a link on another site brings no SameSite=Strict
    cookie with it, and a page that reloads itself does.
    """
    refresh = f'<meta http-equiv="refresh" content="0; url={escape(then)}">' if again else ""
    alert = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    return HTMLResponse(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>PortEye</title>'
        f'<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f'{refresh}<style>{_STYLE}</style><h1>PortEye</h1><form method="post" action="{PATH}">'
        f'<input type="hidden" name="then" value="{escape(then)}">'
        '<label for="token">Token</label><input id="token" name="token" type="password"'
        f' autocomplete="current-password" required autofocus>{alert}'
        "<button>Open</button></form>"
        "<p>It is the one that PORTEYE_TOKEN has where the dashboard was started.</p></html>",
        status,
        {"Cache-Control": "no-store"},
    )


def own_path(path: str) -> str:
    """The path if it leads to this server, else the first page.

    >>> own_path("/history?port=80"), own_path("//evil.example"), own_path("https://evil.example")
    ('/history?port=80', '/', '/')
    """
    is_own = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if is_own and path.isprintable() and "\\" not in path else "/"
