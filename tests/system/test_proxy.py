"""Page, API, login and WebSocket through a real nginx, as docs/proxy.md configures it."""

import http.client
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPMessage
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import expect

from tests.kit.app import App, dashboard
from tests.kit.browser import chromium, expect_watching, needs_chromium, save, wait_for_cells
from tests.kit.nginx import documented, needs_nginx, nginx
from tests.kit.seeding import Instant, grow

TOKEN = "correct-horse-battery-staple"
NAME = "ports.example.org"
ANSWERS = 30  # events of the seeded database, at least, after it has grown
pytestmark = needs_nginx


@dataclass(frozen=True)
class Proxied:
    """A dashboard behind nginx; `prefix` is the path that the browser sees before every other."""

    port: int
    prefix: str
    app: App
    tls: ssl.SSLContext | None = None

    def ask(
        self, path: str, method: str = "GET", body: str = "", *, by: str = "", **headers: str
    ) -> tuple[int, HTTPMessage, str]:
        """Status, headers and body of a request for a whole path, as a browser at NAME sends it,
        from this address of the machine."""
        place, source = ("127.0.0.1", self.port), (by, 0) if by else None
        connection = (
            http.client.HTTPSConnection(*place, timeout=20, source_address=source, context=self.tls)
            if self.tls
            else http.client.HTTPConnection(*place, timeout=20, source_address=source)
        )
        try:
            connection.request(method, path, body or None, {"Host": NAME, **headers})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def followed(self, path: str, **headers: str) -> str:
        """The path at which redirects end."""
        status, answer, _body = self.ask(path, **headers)
        while status in (301, 302, 303, 307, 308):
            parts = urlsplit(urljoin(f"https://{NAME}{path}", answer["Location"]))
            assert parts.hostname == NAME
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            status, answer, _body = self.ask(path, **headers)
        assert status == 200
        return path

    def handshake(self, name: str, **headers: str) -> str:
        """The status of a WebSocket's handshake by a page at this name."""
        lines = {
            "Host": NAME,
            "Origin": f"https://{name}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Protocol": "streamlit",
            **headers,
        }
        text = "".join(f"{key}: {value}\r\n" for key, value in lines.items())
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        with self.tls.wrap_socket(plain, server_hostname=NAME) if self.tls else plain as client:
            client.sendall(f"GET {self.prefix}/_stcore/stream HTTP/1.1\r\n{text}\r\n".encode())
            return client.recv(4096).decode("latin-1").split()[1]


def certificate(folder: Path) -> Path:
    """A certificate for NAME and its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate")
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"),
            *("-keyout", "-", "-out", "-"),
        ],
        check=True,
        capture_output=True,
    )
    file = folder / "certificate.pem"
    file.write_bytes(made.stdout)
    return file


def proxied(stack: ExitStack, db: Path, kind: str, **variables: str) -> Proxied:
    """A dashboard behind nginx: at a host of its own, at a path passed on, or at one taken off."""
    folder = db.parent
    base = {"STREAMLIT_SERVER_BASE_URL_PATH": "ports"} if kind == "passed on" else {}
    app = stack.enter_context(dashboard(db, folder, PORTEYE_MONITOR="off", **base, **variables))
    upgrade, host, passed_on, taken_off = (
        block.replace("127.0.0.1:8501", urlsplit(app.url).netloc) for block in documented()
    )
    if kind == "host":
        pem = certificate(folder)
        host = re.sub(r"/etc/ssl/\S+;", f"{pem};", host).replace("listen 443", "listen {{port}}")
        port = stack.enter_context(nginx(folder, upgrade, host))
        trusting = ssl.create_default_context(cafile=pem)
        trusting.check_hostname = False
        return Proxied(port, "", app, trusting)
    block = passed_on if kind == "passed on" else taken_off
    server = f"server {{ listen {{{{port}}}}; server_name {NAME}; {block} }}"
    return Proxied(stack.enter_context(nginx(folder, upgrade, server)), "/ports", app)


KINDS = ("host", "passed on", "taken off")


@pytest.fixture(params=KINDS)
def behind(request: pytest.FixtureRequest, abandoned: Instant) -> Iterator[Proxied]:
    grow(abandoned.db, ANSWERS)
    with ExitStack() as stack:
        yield proxied(
            stack,
            abandoned.db,
            request.param,
            PORTEYE_ALLOWED_HOSTS=NAME,
            PORTEYE_TOKEN=TOKEN,
        )


def test_everything_works_through_nginx(behind: Proxied) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    top = behind.prefix
    # The page, its files and the WebSocket.
    assert behind.followed(top or "/", **bearer) == f"{top}/"
    assert behind.followed(f"{top}/history/?port=80", **bearer) == f"{top}/history?port=80"
    page = behind.ask(f"{top}/", **bearer)[2]
    (script,) = re.findall(r'<script type="module" crossorigin src="([^"]+)"', page)
    assert behind.ask(urljoin(f"{top}/", script), **bearer)[0] == 200
    assert behind.ask(f"{top}/_stcore/health")[0] == 200
    assert behind.ask(f"{top}/_stcore/health", "HEAD")[0] == 200
    assert behind.handshake(NAME, **bearer) == "101"
    assert behind.handshake(NAME) == "401"
    assert behind.handshake("evil.example", **bearer) == "403"
    # The API.
    assert behind.followed(f"{top}/api", **bearer) == f"{top}/api/docs"
    docs = behind.ask(f"{top}/api/docs", **bearer)[2]
    for link in re.findall(r'href="([^"]+)"', docs):
        status, _, said = behind.ask(urljoin(f"{top}/api/docs", link), **bearer)
        # No file says here what is expected; another 404 is a link that leads nowhere.
        assert status in (200, 503) or (status == 404 and "no_expected_ports" in said), link
    first = f"{top}/api/history?limit=3&port=80"
    _status, headers, _body = behind.ask(first, **bearer)
    (older,) = re.findall(r'<([^>]+)>; rel="next"', headers["Link"])
    assert behind.ask(urljoin(first, older), **bearer)[0] == 200
    assert urljoin(first, older).startswith(f"{top}/api/history?")
    assert len(behind.ask(f"{top}/api/history.csv", **bearer)[2].splitlines()) > ANSWERS
    # The login.
    asked = f"{top}/history?port=80"
    status, _headers, form = behind.ask(asked, Accept="text/html")
    assert status == 401
    (action,) = re.findall(r'action="([^"]+)"', form)
    (then,) = re.findall(r'name="then" value="([^"]+)"', form)
    posted = urljoin(asked, action)
    status, headers, _body = behind.ask(
        posted,
        "POST",
        f"token={TOKEN}&then={then}",
        **{
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"https://{NAME}",
        },
    )
    assert (status, urljoin(posted, headers["Location"])) == (303, asked)
    assert ("; Secure" in headers["Set-Cookie"]) is (behind.tls is not None)
    cookie = {"Cookie": headers["Set-Cookie"].partition(";")[0]}
    assert behind.ask(asked, **cookie)[0] == 200
    assert behind.handshake(NAME, **cookie) == "101"


def test_clients_of_a_proxy_are_told_apart(behind: Proxied) -> None:
    health, wrong = f"{behind.prefix}/api/health", {"Authorization": "Bearer x"}
    assert [behind.ask(health, by="127.0.0.2", **wrong)[0] for _ in range(10)] == [401] * 10
    assert behind.ask(health, by="127.0.0.3", **wrong)[0] == 401
    assert "refused a wrong token from 127.0.0.3" in behind.app.log.read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_that_is_not_listed_is_named_in_what_is_refused(
    abandoned: Instant, kind: str
) -> None:
    with ExitStack() as stack:
        behind = proxied(stack, abandoned.db, kind)
        if kind == "host":  # nginx passes the name on
            status, _headers, body = behind.ask("/", Accept="text/html")
            assert status == 400
        else:
            referer = f"https://{NAME}/ports/"
            assert behind.ask("/ports/", Accept="text/html")[0] == 200
            status, _headers, body = behind.ask("/ports/_stcore/health", Referer=referer)
            assert status == 400
        assert f"PORTEYE_ALLOWED_HOSTS={NAME}" in body
        assert behind.handshake(NAME) in ("400", "403")


@pytest.mark.parametrize("kind", ["passed on", "taken off"])
@needs_chromium[0]
@needs_chromium[1]
def test_a_browser_uses_the_page_below_a_path(seeded: Instant, kind: str) -> None:
    with ExitStack() as stack:
        behind = proxied(stack, seeded.db, kind, PORTEYE_ALLOWED_HOSTS=NAME, PORTEYE_TOKEN=TOKEN)
        browser = stack.enter_context(
            chromium(f"--host-resolver-rules=MAP {NAME} 127.0.0.1:{behind.port}")
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"http://{NAME}/ports/history?port=80")
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Open").click()
        expect_watching(page)
        assert page.url.startswith(f"http://{NAME}/ports/history?port=80")
        page.locator(".st-key-views").get_by_role("link", name="Now").click()
        expect(page).to_have_url(f"http://{NAME}/ports/?port=80")
        wait_for_cells(page, "80", "nginx")
        save(page, f"proxy-{kind.replace(' ', '-')}")


@needs_chromium[0]
@needs_chromium[1]
def test_a_browser_is_told_which_setting_is_missing(seeded: Instant) -> None:
    with ExitStack() as stack:
        behind = proxied(stack, seeded.db, "taken off")
        browser = stack.enter_context(
            chromium(
                f"--host-resolver-rules=MAP {NAME} 127.0.0.1:{behind.port},"
                "MAP other.example.org 127.0.0.1"
            )
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"http://{NAME}/ports/")
        shown = page.get_by_role("dialog").get_by_text(f"PORTEYE_ALLOWED_HOSTS={NAME}")
        expect(shown.first).to_be_visible()
        save(page, "proxy-refused-websocket")
        page.goto(behind.app.url.replace("127.0.0.1", "other.example.org"))
        expect(page.get_by_text("PORTEYE_ALLOWED_HOSTS=other.example.org")).to_be_visible()
        save(page, "proxy-refused-host")
