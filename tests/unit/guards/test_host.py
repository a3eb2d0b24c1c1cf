"""Other machines' names and other pages are refused, over HTTP and WebSocket."""

import asyncio
import socket

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.types import Message
from starlette.websockets import WebSocket

from porteye_core.api import HostGuard, LoopbackOnly, SecurityHeaders, page_policy

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def page(_request: object) -> PlainTextResponse:
    return PlainTextResponse("the page")


async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.send_text(f"Host: {websocket.headers.get('host')}")


CLIENT = TestClient(
    Starlette(
        routes=[
            Route("/", page, methods=["GET", "POST"]),
            Route("/api/health", page),
            Route("/_stcore/health", page),
            WebSocketRoute("/ws", chat),
        ],
        middleware=[Middleware(HostGuard, allowed=["proxy.example"])],
    )
)
OURS = ["localhost", "LOCALHOST:8501", "127.0.0.1:8501", "127.9.9.9", "[::1]:8501", "[::1]"]
OURS += [socket.gethostname(), "proxy.example", "proxy.example.:8443", "PROXY.example"]
THEIRS = [
    "evil.example",
    "localhost.evil.example",
    "10.1.2.3",
    "localhost@evil",
    "a/b",
    "",
    "[::2]",
]
THEIRS += ["localhost:99999999", "127.0.0.1.evil.example", "localhost\x00", "*"]


@pytest.mark.parametrize("host", OURS)
def test_this_machines_names_are_served(host: str) -> None:
    assert CLIENT.get("/", headers={"Host": host}).text == "the page"
    with CLIENT.websocket_connect("/ws", headers={"Host": host}) as websocket:
        assert websocket.receive_text() == "hello"


@pytest.mark.parametrize("host", THEIRS)
def test_any_other_name_is_refused_in_the_one_shape(host: str) -> None:
    response = CLIENT.get("/", headers={"Host": host})
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "host_refused"
    with (
        pytest.raises(WebSocketDenialResponse),
        CLIENT.websocket_connect("/ws", headers={"Host": host}),
    ):
        pass


@pytest.mark.parametrize("origin", ["http://localhost:8501", "https://proxy.example"])
def test_the_pages_own_origin_may_connect_and_so_may_what_is_no_browser(origin: str) -> None:
    for headers in ({"Host": "localhost:8501", "Origin": origin}, {"Host": "localhost"}):
        with CLIENT.websocket_connect("/ws", headers=headers) as websocket:
            assert websocket.receive_text() == "hello"
        assert CLIENT.post("/", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        *("null", "", "http://evil.example", "http://localhost:3000", "http://localhost"),
        *("http://localhost:8501.evil.example", "http://[", "file://", "http://x@localhost:8501"),
    ],
)
def test_another_pages_origin_may_not(origin: str) -> None:
    headers = {"Host": "localhost:8501", "Origin": origin}
    refused = CLIENT.post("/", headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "origin_refused")
    with (
        pytest.raises(WebSocketDenialResponse),
        CLIENT.websocket_connect("/ws", headers=headers),
    ):
        pass
    assert CLIENT.get("/", headers=headers).status_code == 200  # it cannot read the answer


def test_a_browser_gets_a_page_that_names_the_setting() -> None:
    refused = CLIENT.get("/", headers={**BROWSER, "Host": "ports.example:8443"})
    assert refused.status_code == 400
    assert refused.headers["Content-Type"].startswith("text/html")
    assert "PORTEYE_ALLOWED_HOSTS=ports.example<" in refused.text
    misleading = CLIENT.get("/", headers={**BROWSER, "Host": "<script>.example"})
    assert "PORTEYE_ALLOWED_HOSTS." in misleading.text
    assert "<script" not in misleading.text
    other = CLIENT.post("/", headers={**BROWSER, "Host": "localhost", "Origin": "http://a.example"})
    assert (other.status_code, "PORTEYE_ALLOWED_HOSTS" in other.text) == (403, True)
    assert other.headers["Content-Type"].startswith("text/html")
    api = CLIENT.get("/api/health", headers={**BROWSER, "Host": "ports.example"})
    assert api.json()["error"]["code"] == "host_refused"
    assert "PORTEYE_ALLOWED_HOSTS=ports.example" in api.json()["error"]["hint"]


def test_a_page_whose_websocket_would_be_refused_is_told_so_before() -> None:
    behind = {"Host": "127.0.0.1:8501", "Referer": "https://ports.example/history"}
    refused = CLIENT.get("/_stcore/health", headers=behind)
    assert refused.status_code == 400
    assert refused.json().endswith("PORTEYE_ALLOWED_HOSTS=ports.example")
    malformed = CLIENT.get("/_stcore/health", headers={**behind, "Referer": "http://["})
    assert malformed.status_code == 400
    for served in (
        {"Host": "127.0.0.1:8501"},  # a probe
        {"Host": "127.0.0.1:8501", "Referer": "http://127.0.0.1:8501/history"},
        {"Host": "127.0.0.1:8501", "Referer": "https://proxy.example/history"},
        {**behind, "Sec-Fetch-Site": "cross-site"},  # a link on some other page
    ):
        assert CLIENT.get("/_stcore/health", headers=served).status_code == 200


def test_a_listed_page_may_connect_through_a_proxy_that_rewrites_the_host() -> None:
    headers = {"Host": "127.0.0.1:8501", "Origin": "https://proxy.example:8443"}
    with CLIENT.websocket_connect("/ws", headers=headers) as websocket:
        assert websocket.receive_text() == "hello"
        assert websocket.receive_text() == "Host: proxy.example:8443", "one origin for Streamlit"
    with CLIENT.websocket_connect("/ws", headers={"Host": "localhost"}) as websocket:
        assert websocket.receive_text() == "hello"
        assert websocket.receive_text() == "Host: localhost"
    with (
        pytest.raises(WebSocketDenialResponse),
        CLIENT.websocket_connect(
            "/ws", headers={"Host": "127.0.0.1:8501", "Origin": "https://x@proxy.example"}
        ),
    ):
        pass


async def status_without_host(version: str, kind: str, method: str) -> int:
    """The status of a request that has no Host header at all, which no client library sends."""
    scope = {
        "type": kind,
        "http_version": version,
        "method": method,
        "path": "/_stcore/health",
        "query_string": b"",
        "headers": [],
        "extensions": {"websocket.http.response": {}},
    }
    if kind == "websocket":
        del scope["method"]
    statuses: list[int] = []

    async def send(message: Message) -> None:
        if "status" in message:
            statuses.append(message["status"])

    async def receive() -> Message:
        return {"type": "http.request"}

    await HostGuard(PlainTextResponse("ok"))(scope, receive, send)
    return statuses[0]


@pytest.mark.parametrize(
    ("version", "kind", "method", "status"),
    [
        *(("1.0", "http", "GET", 200), ("1.0", "http", "HEAD", 200), ("1.0", "http", "POST", 400)),
        *(("1.1", "http", "GET", 400), ("1.0", "websocket", "", 400)),
    ],
)
def test_only_http_1_0_may_read_without_a_host(
    version: str, kind: str, method: str, status: int
) -> None:
    assert asyncio.run(status_without_host(version, kind, method)) == status


@pytest.mark.parametrize(
    ("arrived", "status"),
    [
        *(("192.0.2.1", 403), ("[2001:db8::1]", 403), ("[::ffff:192.0.2.1]", 403)),
        *(("127.0.0.1", 200), ("[::1]", 200), ("[::ffff:127.0.0.1]", 200), ("localhost", 200)),
    ],
)
def test_without_a_token_only_this_machine_is_served(arrived: str, status: int) -> None:
    app = Starlette(routes=[Route("/", page)], middleware=[Middleware(LoopbackOnly)])
    answer = TestClient(app, base_url=f"http://{arrived}:8501").get("/")
    assert answer.status_code == status


def test_every_answer_tells_the_browser_what_not_to_do() -> None:
    policy = {"Content-Security-Policy": page_policy(["sha256-x"])}
    app = SecurityHeaders(HostGuard(Starlette(routes=[Route("/", page)])), policy)
    client = TestClient(app)
    for host in ("localhost", "evil.example"):
        headers = client.get("/", headers={"Host": host}).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "'unsafe-eval'" not in headers["Content-Security-Policy"]
        scripts = headers["Content-Security-Policy"].split("script-src")[1].split(";")[0]
        assert "unsafe-inline" not in scripts
