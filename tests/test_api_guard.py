"""Requests for another machine's name are refused, over HTTP and WebSocket."""

import socket

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from porteye_core.api import HostGuard


async def page(_request: object) -> PlainTextResponse:
    return PlainTextResponse("the page")


async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")


CLIENT = TestClient(
    Starlette(
        routes=[Route("/", page), WebSocketRoute("/ws", chat)],
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
