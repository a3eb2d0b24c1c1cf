"""Connections that say nothing are closed, and no number of them keeps anybody out.

The server is uvicorn as Streamlit starts it, with a clock that the tests wind on.
"""

import asyncio
import logging
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from porteye_core.web import connections
from porteye_core.web.connections import Connections, bounded_connections
from tests.kit.app import dashboard
from tests.kit.seeding import Instant
from tests.kit.waiting import until

MOST = 4
LATER = 2 * connections._PATIENCE
HALF = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "
HALF_BODY = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n"
HALF_FORM = HALF_BODY.replace(b"POST /", b"POST /_porteye/login")
TOKEN = "correct-horse-battery-staple"
BEARER = f"Authorization: Bearer {TOKEN}".encode()
STREAM = b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n"
HANDSHAKE = (
    b"GET /_stcore/stream HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
PING, PONG = b"\x89\x80\0\0\0\0", b"\x8a\x00"  # RFC 6455, section 5.5; a client masks


@dataclass
class Served:
    """A server in a thread of its own."""

    port: int
    loop: asyncio.AbstractEventLoop
    bounded: Connections
    go_on: asyncio.Event
    now: list[float]
    tls: ssl.SSLContext | None = None
    opened: ExitStack = field(default_factory=ExitStack)

    def say(self, request: bytes) -> socket.socket:
        """A new connection on which this has been said."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:
            client = self.tls.wrap_socket(client)
        self.opened.enter_context(closing(client))
        client.sendall(request)
        return client

    def is_answered(self) -> bool:
        """Ask on a new connection."""
        with suppress(OSError):
            return b" 200 OK" in self.say(HALF + b"\r\n\r\n").recv(4096)
        return False

    def wind(self, seconds: float) -> None:
        """Let this time pass, and everything that is due then be done."""

        async def sweep() -> None:
            self.now[0] += seconds
            self.bounded.sweep()

        asyncio.run_coroutine_threadsafe(sweep(), self.loop).result(20)


def until_said(client: socket.socket, text: bytes) -> bytes:
    """Read to the end of this text."""
    said = b""
    while text not in said:
        piece = client.recv(4096)
        assert piece, said
        said += piece
    return said


def is_closed(client: socket.socket) -> bool:
    """Wait for what the server says next; nothing more is the end."""
    try:
        return client.recv(4096) == b""
    except ConnectionError:
        return True


def is_open(client: socket.socket) -> bool:
    """Look at the connection without waiting."""
    client.settimeout(0)
    try:
        return client.recv(1) != b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    finally:
        client.settimeout(20)


@contextmanager
def serving(certificate: Path | None = None) -> Iterator[Served]:
    """A server of at most MOST connections."""
    known: dict[str, Served] = {}
    now = [1000.0]

    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"{len(await request.body())} bytes")

    async def stream(_request: Request) -> StreamingResponse:
        async def pieces() -> AsyncIterator[str]:
            yield "begun"
            await known["served"].go_on.wait()
            yield "ended"

        return StreamingResponse(pieces())

    async def chat(websocket: WebSocket) -> None:
        await websocket.accept()
        async for _ in websocket.iter_text():
            pass

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with bounded_connections(MOST, lambda: now[0]) as bounded:
            loop = asyncio.get_running_loop()
            known["served"] = Served(port, loop, bounded, asyncio.Event(), now)
            yield

    app = Starlette(
        routes=[
            Route("/", page, methods=["GET", "POST"]),
            Route("/stream", stream),
            WebSocketRoute("/_stcore/stream", chat),
        ],
        lifespan=lifespan,
    )
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                ws="websockets-sansio",
                ssl_certfile=certificate,
                timeout_keep_alive=3600,
                log_config=None,
            )
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            until(lambda: server.started, "the server has started")
            served = known["served"]
            if certificate:
                served.tls = ssl.create_default_context(cafile=certificate)
                served.tls.check_hostname = False
            with served.opened:
                yield served
            served.loop.call_soon_threadsafe(served.go_on.set)
        finally:
            server.should_exit = True
            thread.join(30)
    assert not thread.is_alive()


@pytest.fixture(params=["plain", "tls"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    if request.param == "plain":
        with serving() as started:
            yield started
        return
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate")
    certificate = tmp_path / "certificate.pem"
    made = subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-keyout", "-", "-out", "-"),
        ],
        check=True,
        capture_output=True,
    )
    certificate.write_bytes(made.stdout)
    with serving(certificate) as started:
        yield started


@pytest.mark.parametrize("said", [HALF, HALF_BODY, HALF_BODY + b"ab", b""])
def test_what_never_completes_a_request_is_closed(served: Served, said: bytes) -> None:
    client = served.say(said)
    assert served.is_answered()
    served.wind(LATER)
    assert is_closed(client)
    assert served.is_answered()


def test_a_body_that_comes_slowly_is_waited_for_and_a_header_is_not(served: Served) -> None:
    slow, body = served.say(HALF), served.say(HALF_BODY)
    for _ in range(3):
        served.wind(LATER / 3)
        with suppress(OSError):
            slow.sendall(b"x")
        body.sendall(b"x")
        assert served.is_answered()
    until_said(body, b"3 bytes")
    assert is_closed(slow)


def test_a_request_that_has_been_answered_does_not_excuse_the_next_half(served: Served) -> None:
    client = served.say(HALF + b"\r\n\r\n")
    until_said(client, b"0 bytes")
    for _ in range(3):
        served.wind(LATER / 3)
        client.sendall(HALF + b"\r\n\r\n")
        until_said(client, b"0 bytes")
    client.sendall(HALF)
    served.wind(0)
    served.wind(LATER)
    assert is_closed(client)


def test_streams_and_websockets_stay_open(served: Served) -> None:
    stream, websocket = served.say(STREAM), served.say(HANDSHAKE)
    assert b"101 " in websocket.recv(4096)
    until_said(stream, b"begun")
    for _ in range(2 * MOST):
        served.say(HALF)
        served.wind(LATER)
    assert served.is_answered()
    websocket.sendall(PING)
    assert websocket.recv(2) == PONG
    served.loop.call_soon_threadsafe(served.go_on.set)
    assert b"ended" in until_said(stream, b"\r\n0\r\n\r\n")


def test_the_longest_silence_makes_room(served: Served) -> None:
    silent = [served.say(HALF) for _ in range(MOST)]
    assert served.is_answered()
    assert is_closed(silent[0])
    assert is_open(silent[-1])
    many = [served.say(HALF) for _ in range(10 * MOST)]
    assert served.is_answered()
    assert sum(map(is_open, many)) < MOST


def test_where_all_are_answered_one_more_is_closed_and_said_once(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "porteye")
    streams = [served.say(STREAM) for _ in range(MOST - 1)]
    assert all(b"200 OK" in each.recv(4096) for each in streams)
    websocket = served.say(HANDSHAKE)
    assert b"101 " in websocket.recv(4096)
    for _ in range(MOST):
        assert not served.is_answered()
    assert len(caplog.messages) == 1
    assert f"{MOST} connections are in use" in caplog.text
    websocket.close()
    until(served.is_answered, "the place of the websocket is free")


@contextmanager
def descriptors(most: int) -> Iterator[None]:
    """What is started meanwhile has this limit."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="limits of descriptors are Linux's")
def test_a_thousand_half_requests_keep_nobody_out(abandoned: Instant) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    with ExitStack() as stack:
        with descriptors(1024):
            app = stack.enter_context(
                dashboard(
                    abandoned.db, abandoned.db.parent, PORTEYE_MONITOR="off", PORTEYE_TOKEN=TOKEN
                )
            )
        port = int(app.url.rsplit(":", 1)[1])
        websocket = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
        websocket.sendall(HANDSHAKE.replace(b"\r\n\r\n", b"\r\n" + BEARER + b"\r\n\r\n"))
        assert b"101 " in websocket.recv(4096)
        held = []
        for number in range(1100):
            client = socket.create_connection(("127.0.0.1", port), timeout=20)
            held.append(stack.enter_context(closing(client)))
            client.sendall(HALF if number % 10 else HALF_FORM)
            if len(held) % 100 == 0:
                assert app.get("/_stcore/health") == (200, "ok")
                assert app.get("/api/history?limit=1", **bearer)[0] == 200
        assert sum(map(is_open, held)) <= 512
        until(lambda: not any(map(is_open, held)), "all of them are closed")
        websocket.sendall(PING)
        assert PONG in websocket.recv(4096)
        said = app.log.read_text()
    assert "Too many open files" not in said
    assert "Traceback" not in said


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_a_server_without_descriptors_says_so_once_and_recovers(abandoned: Instant) -> None:
    with (
        dashboard(abandoned.db, abandoned.db.parent, PORTEYE_MONITOR="off") as app,
        ExitStack() as stack,
    ):
        process = psutil.Process(app.process.pid)
        _soft, hard = process.rlimit(psutil.RLIMIT_NOFILE)
        port = int(app.url.rsplit(":", 1)[1])
        for _ in range(2):
            used = {int(each.name) for each in Path(f"/proc/{process.pid}/fd").iterdir()}
            free = min(set(range(len(used) + 1)) - used)
            process.rlimit(psutil.RLIMIT_NOFILE, (free, hard))
            clients = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(20)]
            for each in clients:
                stack.enter_context(closing(each))
                each.sendall(HALF.replace(b"GET /", b"GET /_stcore/health") + b"\r\n\r\n")
            until(lambda: "no connection can be accepted" in app.log.read_text(), "it is said")
            process.rlimit(psutil.RLIMIT_NOFILE, (hard, hard))
            for each in clients:
                assert b"200 OK" in each.recv(4096)
        said = app.log.read_text()
    assert said.count("no connection can be accepted: Too many open files") == 1
    assert "Traceback" not in said
