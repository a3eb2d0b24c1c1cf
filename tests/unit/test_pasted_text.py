"""Meaning of what people paste, from the messages and tables of real programs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porteye_core.model import Protocol
from porteye_core.pasted_text import HIGHEST_PORT, Meaning, meaning, port_list

TCP, UDP = Protocol.TCP, Protocol.UDP


def port(*numbers: int, protocol: Protocol | None = None) -> Meaning:
    return Meaning(tuple((each, each) for each in numbers), protocol)


PASTES: list[tuple[str, Meaning]] = [
    # Typed by hand.
    ("3000", Meaning(((3000, 3000),), pid=3000)),
    ("123456", Meaning(pid=123456)),
    (":3000", port(3000)),
    (" :3000 ", port(3000)),
    ("port 3000", port(3000)),
    ("Port: 3000", port(3000)),
    ("port=3000", port(3000)),
    ("ports 80,443", port(80, 443)),
    ("80 443", port(80, 443)),
    ("80, 443", port(80, 443)),
    ("80;443", port(80, 443)),
    ("80 and 443", port(80, 443)),
    ("80, 443 and 8080", port(80, 443, 8080)),
    ("8000-8999", Meaning(((8000, 8999),))),
    ("8000 - 8999", Meaning(((8000, 8999),))),
    ("8000–8999", Meaning(((8000, 8999),))),
    ("8000..8999", Meaning(((8000, 8999),))),
    ("80, 8000-8999", Meaning(((80, 80), (8000, 8999)))),
    ("tcp/3000", port(3000, protocol=TCP)),
    ("3000/tcp", port(3000, protocol=TCP)),
    ("3000/udp", port(3000, protocol=UDP)),
    ("53 udp", port(53, protocol=UDP)),
    ("udp 53", port(53, protocol=UDP)),
    ("tcp:3000", port(3000, protocol=TCP)),
    ("UDP/53", port(53, protocol=UDP)),
    ("8000-8010/udp", Meaning(((8000, 8010),), UDP)),
    ("pid 812", Meaning(pid=812)),
    ("PID812", Meaning(pid=812)),
    ("pid: 27087", Meaning(pid=27087)),
    ("pid=27087", Meaning(pid=27087)),
    ("process 27087", Meaning(pid=27087)),
    ("user:dev", Meaning(user="dev")),
    ("user=root", Meaning(user="root")),
    ("user dev", Meaning(user="dev")),
    ("unit:nginx", Meaning(home="nginx")),
    ("container:web-1", Meaning(home="web-1")),
    ("container web_1", Meaning(home="web_1")),
    ("nginx.service", Meaning(home="nginx.service")),
    ("getty@tty1.service", Meaning(home="getty@tty1.service")),
    ("docker.socket", Meaning(home="docker.socket")),
    ("docker:0123456789ab", Meaning(home="docker:0123456789ab")),
    ("4c01db0b339c", Meaning(home="4c01db0b339c")),
    ("123456789012", Meaning(home="123456789012")),
    (
        "4c01db0b339c0f8ba5f6d9a2c3e4b5a6f7d8e9c0b1a2f3e4d5c6b7a8f9e0d1c2",
        Meaning(home="4c01db0b339c"),
    ),
    ("192.168.1.20", Meaning(address="192.168.1.20")),
    ("::1", Meaning(address="::1")),
    ("[fe80::1%eth0]", Meaning(address="fe80::1%eth0")),
    ("address:127.0.0.1", Meaning(address="127.0.0.1")),
    ("nginx", Meaning(name="nginx")),
    ("python3 -m http.server", Meaning(name="python3 -m http.server")),
    ("server.js (node)", Meaning(name="server.js (node)")),
    ("java -jar app.jar", Meaning(name="java -jar app.jar")),
    ("/usr/bin/node", Meaning(name="/usr/bin/node")),
    ("99999999999999", Meaning(name="99999999999999")),
    # Endpoints and URLs.
    ("127.0.0.1:3000", port(3000)),
    ("0.0.0.0:3000", port(3000)),
    ("[::1]:3000", port(3000)),
    ("[::]:3000", port(3000)),
    (":::3000", port(3000)),
    ("*:3000", port(3000)),
    ("localhost:3000", port(3000)),
    ("127.0.0.53%lo:53", port(53)),
    ("[fe80::1]%eth0:546", port(546)),
    ("my-host.example.com:8443", port(8443)),
    ("db:5432", port(5432)),
    ("http://localhost:3000/x", port(3000)),
    ("http://localhost:3000/", port(3000)),
    ("https://127.0.0.1:8443/login?next=/a:99", port(8443)),
    ("http://[::1]:8080/path", port(8080)),
    ("http://localhost/", port(80)),
    ("https://example.com/a/b", port(443)),
    ("https://user:pw@example.com:9443/", port(9443)),
    ("postgresql://me:secret@localhost:5433/shop", port(5433)),
    ("postgres://localhost/shop", port(5432)),
    ("redis://127.0.0.1:6380/0", port(6380)),
    ("mongodb+srv://cluster.example.com/test", port(27017)),
    ("ws://localhost:5173/hmr", port(5173)),
    ("jdbc:postgresql://localhost:5432/db", port(5432)),
    # Node and its tools.
    ("Error: listen EADDRINUSE: address already in use :::3000", port(3000)),
    ("Error: listen EADDRINUSE: address already in use 127.0.0.1:3000", port(3000)),
    (
        (
            "node:events:497\n      throw er; // Unhandled 'error' event\n      ^\n\n"
            "Error: listen EADDRINUSE: address already in use :::3000\n"
            "    at Server.setupListenHandle [as _listen2] (node:net:1817:16)\n"
            "    at listenInCluster (node:net:1865:12)"
        ),
        port(3000),
    ),
    (
        "{ code: 'EADDRINUSE', errno: -98, address: '::', port: 3000 }",
        port(3000),
    ),
    ("Error: connect ECONNREFUSED 127.0.0.1:5432", port(5432)),
    ("Error: connect ECONNREFUSED ::1:5432", port(5432)),
    ("Error: listen EACCES: permission denied 0.0.0.0:80", port(80)),
    ("Error: Port 5173 is already in use", port(5173)),
    (" ⚠ Port 3000 is in use, trying 3001 instead.", port(3000)),
    ("Something is already running on port 3000.", port(3000)),
    ("  ➜  Local:   http://localhost:5173/", port(5173)),
    # Python.
    (
        (
            "OSError: [Errno 98] error while attempting to bind on address ('127.0.0.1', 8000):"
            " address already in use"
        ),
        port(8000),
    ),
    (
        "[Errno 98] error while attempting to bind on address ('::1', 8000, 0, 0): in use",
        port(8000),
    ),
    ("[ERROR] Connection in use: ('0.0.0.0', 8000)", port(8000)),
    (
        (
            "Address already in use\nPort 5000 is in use by another program. Either identify"
            " and stop that program, or start the server with a different port."
        ),
        port(5000),
    ),
    ("INFO:     Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)", port(8000)),
    ("Serving HTTP on 0.0.0.0 port 8000 (http://0.0.0.0:8000/) ...", port(8000)),
    ("Starting development server at http://127.0.0.1:8000/", port(8000)),
    ("Port 8501 is not available", port(8501)),
    (
        (
            "requests.exceptions.ConnectionError: HTTPConnectionPool(host='localhost', port=3000):"
            " Max retries exceeded with url: / (Caused by NewConnectionError('[Errno 111]'))"
        ),
        port(3000),
    ),
    # Java, Go, Ruby, Rust, PHP, .NET, Erlang.
    ("Web server failed to start. Port 8080 was already in use.", port(8080)),
    ("java.net.BindException: Address already in use: bind <null>:8080", port(8080)),
    ("java.io.IOException: Failed to bind to /0.0.0.0:25565", port(25565)),
    ("java.net.ConnectException: Connection refused: localhost/127.0.0.1:9092", port(9092)),
    ("listen tcp :8080: bind: address already in use", port(8080, protocol=TCP)),
    ("listen tcp 127.0.0.1:8080: bind: address already in use", port(8080, protocol=TCP)),
    ("listen tcp4 0.0.0.0:80: bind: permission denied", port(80, protocol=TCP)),
    ("listen udp [::]:5353: bind: address already in use", port(5353, protocol=UDP)),
    ("dial tcp 127.0.0.1:6379: connect: connection refused", port(6379, protocol=TCP)),
    ("dial tcp [::1]:6443: connect: connection refused", port(6443, protocol=TCP)),
    (
        'Address already in use - bind(2) for "127.0.0.1" port 3000 (Errno::EADDRINUSE)',
        port(3000),
    ),
    (
        "A server is already running (pid: 27087, file: /app/tmp/pids/server.pid).",
        Meaning(pid=27087),
    ),
    ("Failed to listen on localhost:8000 (reason: Address already in use)", port(8000)),
    ("Failed to bind to address http://127.0.0.1:5000: address already in use.", port(5000)),
    ("** (Mix) Could not start: port 4000 already in use (eaddrinuse)", port(4000)),
    # Servers.
    ("nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)", port(80)),
    ("nginx: [emerg] bind() to [::]:443 failed (98: Address already in use)", port(443)),
    (
        (
            "2026/11/28 14:02:11 [emerg] 4321#4321: bind() to 0.0.0.0:8080 failed (98: Address"
            " already in use)"
        ),
        port(8080),
    ),
    (
        (
            "2026/11/28 14:02:11 [error] 9#9: *1 connect() failed (111: Connection refused) while"
            ' connecting to upstream, client: 10.0.0.9, upstream: "http://127.0.0.1:3000/"'
        ),
        port(3000),
    ),
    (
        "(98)Address already in use: AH00072: make_sock: could not bind to address [::]:80",
        port(80),
    ),
    (
        (
            'LOG:  could not bind IPv4 address "127.0.0.1": Address already in use\n'
            "HINT:  Is another postmaster already running on port 5432? If not, wait and retry."
        ),
        port(5432),
    ),
    (
        (
            'psql: error: connection to server at "localhost" (127.0.0.1), port 5432 failed:'
            " Connection refused"
        ),
        port(5432),
    ),
    (
        (
            "2026-11-28T03:10:00.123Z 0 [ERROR] Do you already have another mysqld server"
            " running on port: 3306 ?"
        ),
        port(3306),
    ),
    (
        "Can't connect to MySQL server on '127.0.0.1:3306' (111)",
        port(3306),
    ),
    (
        "# Could not create server TCP listening socket *:6379: bind: in use",
        port(6379, protocol=TCP),
    ),
    ("Could not connect to Redis at 127.0.0.1:6379: Connection refused", port(6379)),
    (
        "[ALERT] (1) : Starting frontend web: cannot bind socket (in use) [0.0.0.0:80]",
        port(80),
    ),
    ("dnsmasq: failed to create listening socket for port 53: Address already in use", port(53)),
    ("error: Bind to port 2222 on 0.0.0.0 failed: Address already in use.", port(2222)),
    # Clients.
    (
        "curl: (7) Failed to connect to localhost port 3000 after 0 ms: Couldn't connect to server",
        port(3000),
    ),
    ("curl: (7) Failed to connect to 127.0.0.1 port 8080: Connection refused", port(8080)),
    ("curl: (56) Recv failure: Connection reset by peer port 8080", port(8080)),
    (
        "Connecting to localhost (localhost)|127.0.0.1|:3000... failed: Connection refused.",
        port(3000),
    ),
    ("ssh: connect to host example.com port 22: Connection refused", port(22)),
    (
        "nc: connect to localhost port 3000 (tcp) failed: Connection refused",
        port(3000, protocol=TCP),
    ),
    ("Connection to localhost 3000 port [tcp/*] succeeded!", port(3000, protocol=TCP)),
    # Docker.
    ("0.0.0.0:8080->80/tcp", port(8080, protocol=TCP)),
    ("0.0.0.0:8080->80/tcp, [::]:8080->80/tcp", port(8080, protocol=TCP)),
    (":::8080->80/tcp", port(8080, protocol=TCP)),
    (
        (
            'a1b2c3d4e5f6   nginx:1.27   "/docker-entrypoint.…"   2 hours ago   Up 2 hours  '
            " 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp   web"
        ),
        port(8080, protocol=TCP),
    ),
    ("127.0.0.1:5353->53/udp", port(5353, protocol=UDP)),
    ("Bind for 0.0.0.0:80 failed: port is already allocated", port(80)),
    (
        (
            "Error response from daemon: driver failed programming external connectivity on"
            " endpoint web (8f1c): Bind for 0.0.0.0:8080 failed: port is already allocated"
        ),
        port(8080),
    ),
    (
        (
            "Ports are not available: exposing port TCP 0.0.0.0:5432 -> 0.0.0.0:0: listen tcp"
            " 0.0.0.0:5432: bind: address already in use"
        ),
        port(5432, protocol=TCP),
    ),
    ("docker run -p 8080:80 nginx", port(8080)),
    ("docker logs web-1", Meaning(home="web-1")),
    ("docker compose up", Meaning(name="docker compose up")),
    # ss, lsof, netstat, fuser.
    (
        (
            'tcp   LISTEN 0      511          0.0.0.0:80        0.0.0.0:*    users:(("nginx",'
            "pid=1234,fd=6))"
        ),
        port(80, protocol=TCP),
    ),
    ("LISTEN 0      128             [::]:22             [::]:*", port(22)),
    ("LISTEN 0      4096               *:8080              *:*", port(8080)),
    ("udp   UNCONN 0  0  127.0.0.53%lo:53   0.0.0.0:*", port(53, protocol=UDP)),
    (
        (
            "tcp        0      0 127.0.0.1:5432          0.0.0.0:*               LISTEN      "
            "1234/postgres"
        ),
        port(5432, protocol=TCP),
    ),
    (
        "tcp6       0      0 :::8501                 :::*                    LISTEN      -",
        port(8501, protocol=TCP),
    ),
    (
        "tcp4       0      0  127.0.0.1.3000         *.*                    LISTEN",
        port(3000, protocol=TCP),
    ),
    (
        "tcp46      0      0  *.8080                 *.*                    LISTEN",
        port(8080, protocol=TCP),
    ),
    (
        "  TCP    0.0.0.0:135            0.0.0.0:0              LISTENING       1036",
        port(135, protocol=TCP),
    ),
    (
        "  TCP    [::]:445               [::]:0                 LISTENING       4",
        port(445, protocol=TCP),
    ),
    (
        "node    27087  dev   23u  IPv6 0x1f2e3d4c5b6a7988      0t0  TCP *:3000 (LISTEN)",
        port(3000, protocol=TCP),
    ),
    (
        "nginx   812 root    6u  IPv4  31337      0t0  TCP 127.0.0.1:8080 (LISTEN)",
        port(8080, protocol=TCP),
    ),
    (
        "node 812 dev 24u IPv4 99 0t0 TCP 127.0.0.1:3000->127.0.0.1:51234 (ESTABLISHED)",
        port(3000, protocol=TCP),
    ),
    ("3000/tcp:            27087", port(3000, protocol=TCP)),
    ("lsof -i :3000", port(3000)),
    ("lsof -iTCP:3000 -sTCP:LISTEN", port(3000, protocol=TCP)),
    ("fuser -k 3000/tcp", port(3000, protocol=TCP)),
    ("kill -9 27087", Meaning(pid=27087)),
    ("curl http://localhost:3000/health", port(3000)),
    ("curl -v localhost:3000", port(3000)),
    ("npm run dev -- --port 3001", port(3001)),
    ("PORT=4000 npm start", port(4000)),
    ("docker run -p 127.0.0.1:8080:80 nginx", port(8080)),
    ("Listening on localhost:3000.", port(3000)),
    ("gunicorn -b 127.0.0.1:9000 app", port(9000)),
    ("telnet localhost 25", port(25)),
    # systemd.
    (
        "foo.socket: Failed to create listening socket ([::]:8080): Address already in use",
        port(8080),
    ),
    (
        "Nov 28 14:02:11 host systemd[1]: nginx.service: Failed with result 'exit-code'.",
        Meaning(home="nginx.service"),
    ),
    (
        "Job for nginx.service failed because the control process exited with error code.",
        Meaning(home="nginx.service"),
    ),
    (
        "● postgresql@16-main.service - PostgreSQL Cluster",
        Meaning(home="postgresql@16-main.service"),
    ),
    ("systemctl status nginx", Meaning(home="nginx")),
    ("sudo systemctl restart nginx.service", Meaning(home="nginx.service")),
    ("journalctl -u nginx", Meaning(home="nginx")),
    ("Main PID: 1234 (nginx)", Meaning(pid=1234)),
    # Around a paste.
    ("`localhost:3000`", port(3000)),
    ('"3000"', Meaning(((3000, 3000),), pid=3000)),
    ("\x1b[31mError: listen EADDRINUSE: address already in use :::3000\x1b[0m", port(3000)),
    ("cannot listen on 7070, somebody else does", port(7070)),
]


@pytest.mark.parametrize(("text", "meant"), PASTES, ids=[text[:40] for text, _ in PASTES])
def test_a_paste_is_understood(text: str, meant: Meaning) -> None:
    assert meaning(text) == meant


def test_the_table_has_more_than_a_hundred_pastes() -> None:
    assert len({text for text, _ in PASTES}) == len(PASTES) > 150


@pytest.mark.parametrize("text", ["", " ", "\0", '""', "\u200b", "\n\t"])
def test_an_empty_text_means_nothing(text: str) -> None:
    assert meaning(text) == Meaning()


@pytest.mark.parametrize(
    "text",
    [
        "90-80",
        "65536",
        "70000-70001",
        "1.5",
        "3000.5",
        "-1",
        "٣٠٠٠",
        "14:02:11",
        "2026-11-28",
        "server.py:12",
        "tcp/3000/udp",
    ],
)
def test_what_only_looks_like_a_port_is_none(text: str) -> None:
    assert meaning(text).ports == ()


@given(st.text(max_size=200) | st.text(":.[]%*-/>0123456789 abtcpud'()", max_size=80))
def test_any_text_has_a_meaning(text: str) -> None:
    found = meaning(text)
    assert all(0 <= low <= high <= HIGHEST_PORT for low, high in found.ports)
    assert len(found.name) <= 256
    listed = port_list(text)
    assert listed is None or listed.ports


def test_a_long_paste_is_read_at_once() -> None:
    """Each pattern reads a text once: were it to go back and forth, this would never end."""
    for piece in ("a.", "1.", ":", "[:", "a:1", "1:", "::1", " tcp", "('", "x://", "-p ", "--"):
        meaning(piece * 3000)
