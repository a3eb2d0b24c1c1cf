"""The token in front of page, WebSocket and API."""

import logging
from collections.abc import Iterator
from urllib.parse import urljoin

import pytest
from httpx2 import Response
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from porteye_core.api import Guesses, HostGuard, TokenGuard, create_api
from porteye_core.config import Config
from porteye_core.guards.access import Access
from tests.kit.seeding import Instant

TOKEN = "correct-horse-battery-staple"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
STREAM = "ws://localhost:8501/_stcore/stream"
BROWSER = {"Accept": "text/html,*/*"}


class Clock:
    """A clock that tests wind on."""

    now = 0.0
    paused = 0.0

    def __call__(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.paused += seconds


async def page(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"the page {request.url.query}")


async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")


def leads_to(answer: Response) -> str:
    """Where a browser goes from here, below this dashboard; else the whole address."""
    to = urljoin(str(answer.url), answer.headers["Location"])
    return to.removeprefix(f"{answer.url.scheme}://{answer.url.netloc.decode()}")


def guarded(config: Config, clock: Clock, access: Access) -> TestClient:
    guesses = Guesses(clock, clock.pause)
    app = Starlette(
        routes=[
            Mount("/api", create_api(config, access, guesses)),
            WebSocketRoute("/_stcore/stream", chat),
            Route("/_stcore/health", page),
            Route("/{path:path}", page, methods=["GET", "POST"]),
        ],
        middleware=[
            Middleware(HostGuard),
            *([Middleware(TokenGuard, access, guesses)] if access.token else []),
        ],
    )
    return TestClient(app, base_url="http://localhost:8501", follow_redirects=False)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(seeded: Instant, clock: Clock) -> Iterator[TestClient]:
    with guarded(Config(db=seeded.db), clock, Access(TOKEN)) as opened:
        yield opened


@pytest.mark.parametrize(
    "path",
    [
        *("/", "//", "/history", "/media/x", "/static/x.js", "/_stcore/host-config"),
        *("/_stcore/health/", "/%5fstcore/metrics"),
        *("/api", "/api/ports", "/api/docs", "/api/nope", "/api/history.csv", "/api/health"),
    ],
)
def test_nothing_is_served_without_the_token(client: TestClient, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json()["error"]["code"] == "token_required"
    assert client.get(path, headers=BEARER).status_code != 401


def test_the_websocket_wants_the_token_too(client: TestClient) -> None:
    with pytest.raises(WebSocketDenialResponse) as denied:
        client.websocket_connect(STREAM).__enter__()
    assert denied.value.status_code == 401
    with client.websocket_connect(STREAM, headers=BEARER) as websocket:
        assert websocket.receive_text() == "hello"
    client.post("/_porteye/login", data={"token": TOKEN})
    with client.websocket_connect(STREAM) as websocket:
        assert websocket.receive_text() == "hello"


def test_a_probe_of_health_needs_no_token(client: TestClient) -> None:
    assert client.get("/_stcore/health").status_code == 200


def test_a_browser_is_asked_with_a_form_that_leads_on(client: TestClient) -> None:
    asked = client.get('/history?process="><script>', headers=BROWSER)
    assert asked.status_code == 401
    assert '<input id="token"' in asked.text
    assert "<script" not in asked.text
    sent = {"token": TOKEN, "then": "/history?port=80"}
    entered = client.post("/_porteye/login", data=sent)
    assert (entered.status_code, leads_to(entered)) == (303, "/history?port=80")
    cookie = entered.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    assert client.get("/history?port=80").text == "the page port=80"
    assert client.get("/api/ports").status_code == 200


def test_over_tls_the_cookie_stays_there(client: TestClient) -> None:
    entered = client.post("https://localhost:8501/_porteye/login", data={"token": TOKEN})
    assert "Secure" in entered.headers["Set-Cookie"]


@pytest.mark.parametrize(
    "then", ["//evil.example", "https://evil.example", "/\\evil", "x", "/a\r\nb"]
)
def test_the_form_leads_nowhere_else(client: TestClient, then: str) -> None:
    entered = client.post("/_porteye/login", data={"token": TOKEN, "then": then})
    assert leads_to(entered) == "/"


def test_a_wrong_token_is_said_beside_its_field(client: TestClient) -> None:
    answer = client.post("/_porteye/login", data={"token": "wrong", "then": "/history"})
    assert answer.status_code == 401
    assert "This is not the token." in answer.text
    assert 'value="/history"' in answer.text
    assert "Set-Cookie" not in answer.headers


def test_a_form_of_another_page_or_of_megabytes_is_refused(client: TestClient) -> None:
    other = client.post(
        "/_porteye/login", data={"token": TOKEN}, headers={"Origin": "http://localhost:3000"}
    )
    assert other.json()["error"]["code"] == "origin_refused"
    large = client.post("/_porteye/login", content=b"token=" + b"x" * 1_000_000)
    assert (large.status_code, large.json()["error"]["code"]) == (413, "form_too_large")


def test_a_token_in_the_address_is_taken_out_of_it(client: TestClient) -> None:
    entered = client.get(f"/history?port=80&token={TOKEN}&process=a%20b")
    assert leads_to(entered) == "/history?port=80&process=a+b"
    assert client.get("/history").status_code == 200
    wrong = client.get("/?token=wrong", headers=BROWSER)
    assert wrong.status_code == 401
    assert "wrong" not in wrong.text
    assert leads_to(client.get(f"/?token={TOKEN}&token=x")) == "/"


def test_a_link_from_another_site_finds_its_cookie(client: TestClient) -> None:
    headers = {**BROWSER, "Sec-Fetch-Site": "cross-site"}
    again = client.get("/history?port=80", headers=headers).text
    assert 'http-equiv="refresh" content="0; url=./history?port=80"' in again
    assert "refresh" not in client.get("/history", headers=BROWSER).text


def test_guessing_is_slowed_down_and_the_right_token_never(
    client: TestClient, clock: Clock
) -> None:
    answers = [
        client.get("/api/ports", headers={"Authorization": f"Bearer {number}"}).status_code
        for number in range(1000)
    ]
    assert answers.count(401) == 10
    assert answers.count(429) == 990
    assert clock.paused == 990
    # The history: what listens now is answered only for a while after the seeded last scan.
    assert client.get("/api/history", headers=BEARER).status_code == 200
    entered = client.post("/_porteye/login", data={"token": TOKEN})
    assert entered.status_code == 303
    assert client.get("/api/history").status_code == 200
    assert clock.paused == 990
    client.cookies.clear()
    refused = client.get("/api/ports", headers={"Authorization": "Bearer x"})
    assert refused.headers["Retry-After"]
    clock.now += 1
    assert client.get("/api/ports", headers={"Authorization": "Bearer x"}).status_code == 401


def test_no_token_right_or_wrong_is_ever_logged(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for given in (TOKEN, "almost-the-right-token"):
        client.get("/api/ports", headers={"Authorization": f"Bearer {given}"})
        client.cookies.clear()
        client.post("/_porteye/login", data={"token": given})
        client.cookies.clear()
    said = [record.getMessage() for record in caplog.records if record.name.startswith("porteye")]
    assert len(said) == 2
    assert not [each for each in said if TOKEN in each or "almost" in each]


def test_with_a_login_the_page_is_its_own_and_the_api_wants_the_token(
    seeded: Instant, clock: Clock
) -> None:
    with guarded(Config(db=seeded.db), clock, Access(login=True)) as client:
        refused = client.get("/api/ports", headers=BEARER)
        assert refused.status_code == 401
        assert "started without PORTEYE_TOKEN" in refused.json()["error"]["message"]
        assert client.get("/").status_code == 200


def test_another_origins_page_may_ask_before_it_shows_the_token(
    seeded: Instant, clock: Clock
) -> None:
    config = Config(db=seeded.db, cors_origin="https://other.example")
    asks = {
        "Origin": "https://other.example",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    with guarded(config, clock, Access(TOKEN)) as client:
        asked = client.options("/api/ports", headers=asks)
        assert asked.status_code == 200
        assert "authorization" in asked.headers["Access-Control-Allow-Headers"].lower()
