"""Other machines' names and other pages are refused, over HTTP and WebSocket."""

import socket

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from porteye_core.api import HostGuard, LoopbackOnly, SecurityHeaders, page_policy


async def page(_request: object) -> PlainTextResponse:
    return PlainTextResponse("the page")


async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")


CLIENT = TestClient(
    Starlette(
        routes=[Route("/", page, methods=["GET", "POST"]), WebSocketRoute("/ws", chat)],
        middleware=[Middleware(HostGuard, allowed=["proxy.example"])],
    )
)
OURS = ["localhost", "LOCALHOST:8501", "127.0.0.1:8501", "127.9.9.9", "[::1]:8501", "[::1]"]
OURS += [socket.gethostname(), "proxy.example"]
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
