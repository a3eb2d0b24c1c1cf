"""The real server: page, API, guard and the monitor beside it, in one process tree."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from porteye_core.guards.access import Access
from porteye_core.store.file import lock
from porteye_core.web.tcp_nodelay import send_at_once
from tests.kit.app import App, dashboard
from tests.kit.opener import Opener
from tests.kit.processes import bound, end
from tests.kit.seeding import Instant
from tests.kit.service import PROJECT, environment, monitor
from tests.kit.waiting import until


def listening(app: App, port: int) -> list[dict[str, object]]:
    status, body = app.get(f"/api/ports?port={port}")
    found: list[dict[str, object]] = json.loads(body) if status == 200 else []
    return found


def test_one_command_starts_page_api_and_monitor_and_ends_them_all(db: Path) -> None:
    with Opener() as opener:
        port = opener.listen()
        with dashboard(db, db.parent) as app:
            (found,) = until(lambda: listening(app, port), "the listener is in the API")
            assert found["pid"] == opener.pid
            holder = lock.holder(db)
            assert holder is not None
            assert app.json("/api/health")["pid"] == holder.pid
            assert "<title>" in app.get("/")[1]
    assert lock.holder(db) is None
    assert "Traceback" not in app.log.read_text()


def test_a_killed_dashboard_leaves_no_monitor_behind(db: Path) -> None:
    with dashboard(db, db.parent) as app:
        until(lambda: lock.holder(db), "the monitor runs")
        app.process.send_signal(signal.SIGKILL)
        app.process.wait()
        until(lambda: lock.holder(db) is None, "the monitor has ended")


def test_a_monitor_that_runs_already_is_left_alone(db: Path) -> None:
    with monitor(db) as own:
        with dashboard(db, db.parent) as app:
            assert app.json("/api/health")["pid"] == own.pid
        assert own.poll() is None


def test_the_monitor_can_be_switched_off(abandoned: Instant) -> None:
    with dashboard(abandoned.db, abandoned.db.parent, PORTEYE_MONITOR="off") as app:
        assert app.get("/api/ports")[0] == 503
        assert app.json("/api/health")["status"] == "stopped"
        assert lock.holder(abandoned.db) is None


def test_every_route_answers_beside_the_page_in_its_own_shape(abandoned: Instant) -> None:
    with dashboard(abandoned.db, abandoned.db.parent, PORTEYE_MONITOR="off") as app:
        for path, method, status, code in (
            ("/api/nope", "GET", 404, "not_found"),
            ("/api/", "GET", 404, "not_found"),
            ("/api/ports", "POST", 405, "method_not_allowed"),
            ("/api", "POST", 405, "method_not_allowed"),
            ("/api", "TRACE", 405, "method_not_allowed"),
            ("/api/ports", "TRACE", 405, "method_not_allowed"),
            ("/api/history?limit=abc", "GET", 422, "invalid_parameter"),
            ("/api/ports?port=70000", "GET", 422, "invalid_parameter"),
        ):
            answered, body = app.get(path, method)
            assert (answered, json.loads(body)["error"]["code"]) == (status, code)
        assert app.get("/api")[0] == 200  # it leads to /api/docs
        assert app.get("/_stcore/health") == (200, "ok")
        for path in ("/", "/api/history", "/_stcore/health", "/_stcore/stream"):
            refused, body = app.get(path, Host="evil.example")
            assert (refused, json.loads(body)["error"]["code"]) == (400, "host_refused")


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's socket table")
def test_the_server_listens_on_loopback_alone(abandoned: Instant) -> None:
    with dashboard(abandoned.db, abandoned.db.parent, PORTEYE_MONITOR="off") as app:
        port = int(app.url.rsplit(":", 1)[1])
        table = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
        local = [line.split()[1] for line in table.splitlines() if f":{port:04X} " in line]
        assert local
        assert {each.split(":")[0] for each in local} == {"0100007F"}


def test_a_wrong_variable_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "streamlit", "run", str(PROJECT / "streamlit_app.py")),
            *("--server.headless", "true", "--server.port", "0"),
        ],
        cwd=tmp_path,
        env=environment(PORTEYE_DB=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert "is a folder" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="Linux hands the option on")
def test_small_answers_are_sent_at_once() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        send_at_once()
        server.listen()
        with socket.create_connection(server.getsockname()):
            accepted, _ = server.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def first_line(app: App, request: str) -> str:
    """The first line of the answer to a request that is sent as it stands."""
    port = int(app.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request.replace("\n", "\r\n").encode())
        return connection.recv(4096).decode().split("\r\n")[0]


HANDSHAKE = """GET /_stcore/stream HTTP/1.1
Host: 127.0.0.1:8501
Origin: https://{name}
Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Sec-WebSocket-Protocol: streamlit

"""


def test_one_setting_opens_page_and_websocket_behind_a_proxy(abandoned: Instant) -> None:
    with dashboard(
        abandoned.db,
        abandoned.db.parent,
        PORTEYE_MONITOR="off",
        PORTEYE_ALLOWED_HOSTS="ports.example.org",
    ) as app:
        assert app.get("/", Host="ports.example.org")[0] == 200
        assert first_line(app, HANDSHAKE.format(name="ports.example.org")).split()[1] == "101"
        assert first_line(app, HANDSHAKE.format(name="other.example.org")).split()[1] == "403"
        for path in ("/_stcore/health", "/", "/api/history"):
            assert first_line(app, f"GET {path} HTTP/1.0\n\n").split()[1] == "200"
            assert first_line(app, f"HEAD {path} HTTP/1.0\n\n").split()[1] == "200"


TOKEN = "correct-horse-battery-staple"
OPEN = "no token keeps them out"
ANYWHERE = ("--host", "0.0.0.0", "--port", "0")


@pytest.mark.parametrize(
    ("server", "variables"),
    [
        (("streamlit", "run", "streamlit_app.py", "--server.address", "0.0.0.0"), {}),
        (("streamlit", "run", "streamlit_app.py"), {"STREAMLIT_SERVER_ADDRESS": "::"}),
        (("uvicorn", "streamlit_app:app", *ANYWHERE), {}),
        (("uvicorn", "streamlit_app:app", "--port", "0"), {"UVICORN_HOST": "192.0.2.1"}),
    ],
)
def test_nobody_else_is_served_without_a_token(
    tmp_path: Path, server: tuple[str, ...], variables: dict[str, str]
) -> None:
    done = start(tmp_path / "x.db", PROJECT, *server, **variables)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("PortEye: On ")
    assert OPEN in done.stderr
    assert "Traceback" not in done.stderr


def test_a_page_that_may_stop_processes_does_not_start_without_a_token(tmp_path: Path) -> None:
    server = ("streamlit", "run", "streamlit_app.py")
    done = start(tmp_path / "x.db", PROJECT, *server, PORTEYE_STOP="on")
    assert done.returncode == 2
    said = done.stderr.splitlines()[-1]
    assert said.startswith("PortEye: PORTEYE_STOP=on lets the page stop processes")
    assert "PORTEYE_TOKEN" in said
    assert "Traceback" not in done.stderr


def test_a_page_that_may_stop_processes_opens_no_session_for_a_foreign_page_or_without_the_token(
    abandoned: Instant,
) -> None:
    folder = abandoned.db.parent
    off_or_on = {"PORTEYE_MONITOR": "off", "PORTEYE_STOP": "on", "PORTEYE_TOKEN": TOKEN}
    with dashboard(abandoned.db, folder, **off_or_on) as app:
        name, value = Access(TOKEN).cookie
        port = app.url.rpartition(":")[2]
        ours = HANDSHAKE.replace("https://{name}", f"http://127.0.0.1:{port}")
        ours = ours.replace("Host: 127.0.0.1:8501", f"Host: 127.0.0.1:{port}")
        with_cookie = f"Cookie: {name}={value}\nUpgrade:"
        assert first_line(app, ours).split()[1] in ("401", "403")
        assert first_line(app, ours.replace("Upgrade:", with_cookie, 1)).split()[1] == "101"
        foreign = HANDSHAKE.format(name="other.example.org").replace("Upgrade:", with_cookie, 1)
        assert first_line(app, foreign).split()[1] == "403"


def test_uvicorn_by_itself_is_guarded_and_logs_no_token(abandoned: Instant, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = subprocess.Popen(
            bound(
                *(sys.executable, "-m", "uvicorn", "streamlit_app:app"),
                *("--fd", str(taken.fileno())),
            ),
            cwd=PROJECT,
            pass_fds=[taken.fileno()],
            env=environment(
                PORTEYE_DB=str(abandoned.db), PORTEYE_MONITOR="off", PORTEYE_TOKEN=TOKEN
            ),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            app = App(process, f"http://127.0.0.1:{taken.getsockname()[1]}", log)
            assert app.get("/_stcore/health") == (200, "ok")
            for path in ("/", "/api/history", "/_stcore/host-config", f"/api/health?token={TOKEN}"):
                assert app.get(path)[0] == 401
            assert app.get("/api/history", Authorization=f"Bearer {TOKEN}")[0] == 200
            assert app.get(f"/?token={TOKEN}")[0] == 401  # this client keeps no cookies
        finally:
            end(process)
    said = log.read_text()
    assert "GET /api/health" in said
    assert TOKEN not in said


def test_megabytes_of_address_end_at_the_server(abandoned: Instant) -> None:
    with dashboard(abandoned.db, abandoned.db.parent, PORTEYE_MONITOR="off") as app:
        port = int(app.url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(b"GET /api/history?process=" + b"x" * 2_000_000)
                connection.sendall(b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                assert connection.recv(4096)[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 422")
        assert app.get("/api/history")[0] == 200


def test_secrets_that_cannot_be_used_are_not_taken_for_none(tmp_path: Path) -> None:
    secrets = tmp_path / ".streamlit" / "secrets.toml"
    secrets.parent.mkdir()
    server = ("streamlit", "run", str(PROJECT / "streamlit_app.py"))
    secrets.write_text("[auth\n")
    done = start(tmp_path / "x.db", tmp_path, *server)
    assert (done.returncode, "secrets.toml cannot be read" in done.stderr) == (2, True)
    if find_spec("authlib") is None:
        secrets.write_text('[auth]\nclient_id = "x"\n')
        done = start(tmp_path / "x.db", tmp_path, *server)
        assert (done.returncode, "needs Authlib" in done.stderr) == (2, True)


def start(
    db: Path, folder: Path, *server: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Start a server that is expected to refuse."""
    return subprocess.run(
        [sys.executable, "-m", *server],
        cwd=folder,
        env=environment(
            PORTEYE_DB=str(db),
            PORTEYE_MONITOR="off",
            STREAMLIT_SERVER_HEADLESS="true",
            STREAMLIT_SERVER_PORT="0",
            **variables,
        ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
