"""The kernel's sources through the real service: exact, everywhere, and clean at the end."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from porteye_core.errors import ConfigError, SourceError
from porteye_core.sources import pick
from tests.kit.opener import Opener
from tests.kit.processes import bound, end
from tests.kit.service import SERVICE, environment, monitor, rows
from tests.kit.waiting import until

ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(sys.platform != "linux", reason="netlink and tracefs are Linux's"),
]


def _traced() -> str:
    """Why the tracepoint cannot be used here, empty if it can."""
    if not ROOT:
        return "the tracepoint needs root"
    try:
        pick("tracepoint", enters_namespaces=True).source.close()
    except SourceError as err:
        return str(err)
    return ""


WHY_NOT = _traced() if sys.platform == "linux" else "needs Linux"
traced = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "-")
LIVES = (
    "SELECT l.opened_at, l.closed_at, l.opened_seen, l.closed_seen, p.pid, g.name FROM listener l"
    " JOIN process p ON p.id = l.process_id JOIN program g ON g.id = l.program_id WHERE port = ?"
)
SHORT_LIVES = """
import socket, time, os, ctypes
ctypes.CDLL(None).prctl(15, b"fleeting")
for _ in range(20):
    s = socket.socket(); s.bind(("127.0.0.1", 0)); port = s.getsockname()[1]
    before = time.time_ns() // 1000
    s.listen()
    print(port, before, time.time_ns() // 1000, flush=True)
    s.close()
"""


@traced
def test_a_listener_of_microseconds_is_stored_with_time_pid_and_name(db: Path) -> None:
    with monitor(db):
        opener = subprocess.Popen(
            [sys.executable, "-c", SHORT_LIVES], stdout=subprocess.PIPE, text=True
        )
        noted, _ = opener.communicate(timeout=120)
        for line in noted.splitlines():
            port, before, after = map(int, line.split())
            whole = f"{LIVES} AND p.pid = ? AND closed_at IS NOT NULL"
            (life,) = until(partial(rows, db, whole, port, opener.pid), "it is stored")
            opened, closed, *rest = life
            assert rest == ["kernel", "kernel", opener.pid, "fleeting"]
            assert isinstance(opened, int)
            assert isinstance(closed, int)
            assert before - 1000 <= opened <= after + 1000
            assert opened <= closed


@traced
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_tracing_is_left_once_a_monitor_has_come_and_gone(
    db: Path, number: signal.Signals
) -> None:
    with monitor(db) as first:
        assert _instances(first.pid)
        first.send_signal(number)
        first.communicate(timeout=120)
    with monitor(db):
        pass
    assert _instances(first.pid) == []


def _instances(pid: int) -> list[str]:
    """The tracing instances that a monitor made, seen where tracefs is mounted, or by mounting it
    in a namespace of mounts that ends with the command."""
    script = (
        "d=/sys/kernel/tracing; [ -d $d/instances ] || mount -t tracefs none $d; ls $d/instances"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=True
    )
    return [name for name in done.stdout.split() if name.startswith(f"porteye-{pid}")]


@pytest.fixture
def namespace() -> Iterator[str]:
    if not ROOT or not shutil.which("ip"):
        pytest.skip("making a network namespace needs root and the ip command")
    name = f"porteye-test-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no network namespace can be made here: {made.stderr.strip()}")
    yield name
    subprocess.run(["ip", "netns", "del", name], check=True)


@pytest.mark.parametrize("source", ["sock_diag", pytest.param("tracepoint", marks=traced)])
@pytest.mark.parametrize("early", [True, False])
def test_a_listener_in_another_namespace_has_its_namespace_and_process(
    db: Path, namespace: str, source: str, *, early: bool
) -> None:
    script = (
        "import socket,sys; s=socket.socket(); s.bind(('0.0.0.0',0)); s.listen();"
        "print(s.getsockname()[1], flush=True); sys.stdin.read()"
    )
    command = ["ip", "netns", "exec", namespace, sys.executable, "-c", script]

    def open_it() -> "subprocess.Popen[str]":
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    opener = open_it() if early else None
    with monitor(db, "--source", source, "--sample-interval", "0.2"):
        opener = opener or open_it()
        assert opener.stdout is not None
        port = int(opener.stdout.readline())
        inside = Path(f"/run/netns/{namespace}").stat().st_ino
        question = (
            "SELECT p.pid, netns FROM listener l JOIN process p ON p.id = l.process_id"
            " WHERE port = ? AND netns = ?"
        )
        until(lambda: rows(db, question, port, inside), "the namespace's listener is stored")
        assert rows(db, question, port, inside) == [(opener.pid, inside)]
        opener.communicate(timeout=120)
        closed = "SELECT 1 FROM listener WHERE port = ? AND netns = ? AND closed_at IS NOT NULL"
        until(lambda: rows(db, closed, port, inside), "it is stored as closed")
    assert rows(db, "SELECT DISTINCT netns FROM host") != [(inside,)]


@traced
def test_a_life_in_another_namespace_is_two_exact_events(db: Path, namespace: str) -> None:
    script = (
        "import socket,sys; s=socket.socket(); s.bind(('0.0.0.0',0)); s.listen();"
        "print(s.getsockname()[1], flush=True); sys.stdin.read()"
    )
    command = ["ip", "netns", "exec", namespace, sys.executable, "-c", script]
    with monitor(db, "--sample-interval", "3"):
        opener = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert opener.stdout is not None
        port = int(opener.stdout.readline())
        known = "SELECT 1 FROM listener WHERE port = ? AND inode IS NOT NULL"
        until(lambda: rows(db, known, port), "a scan into the namespace has shown it")
        opener.communicate(timeout=120)
        events = "SELECT kind, seen FROM event WHERE port = ? ORDER BY id"
        until(lambda: len(rows(db, events, port)) > 1, "its closing is stored")
        assert rows(db, events, port) == [("opened", "kernel"), ("closed", "kernel")]


def test_many_listeners_of_one_process_hold_nobody_up(db: Path) -> None:
    with monitor(db) as process:
        servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(500)]
        ours = "SELECT count(*) FROM listener l JOIN process p ON p.id = l.process_id WHERE pid = ?"
        until(lambda: rows(db, ours, os.getpid())[0][0] == 500, "all are stored")
        for server in servers:
            server.close()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
        assert process.returncode == 0


@pytest.mark.skipif(not shutil.which("ss"), reason="there is no ss command")
def test_every_socket_of_ours_is_as_ss_has_it(db: Path) -> None:
    with monitor(db), Opener() as opener, Opener() as other:
        ports = {
            opener.listen(family, kind) for family in ("ipv4", "ipv6") for kind in ("tcp", "udp")
        }
        twin = opener.listen("ipv4", "tcp", 0, "reuse")
        other.listen("ipv4", "tcp", twin, "reuse")
        opener.fork(2)
        stored = (
            "SELECT protocol, address, port, inode, pid FROM listener l"
            " JOIN holder h ON h.listener_id = l.id JOIN process p ON p.id = h.process_id"
            " WHERE closed_at IS NULL AND port = ?"
        )

        def seen() -> set[tuple[object, ...]]:
            return {row for port in (*ports, twin) for row in rows(db, stored, port)}

        told = _of_ss({*ports, twin})
        assert len(told) == 16  # five sockets of three holders each, and the twin of one
        until(lambda: seen() == told, "PortEye and ss agree", 15 + 30)


def _of_ss(ports: set[int]) -> set[tuple[object, ...]]:
    done = subprocess.run(["ss", "-Htulnpe"], capture_output=True, text=True, check=True)
    found: set[tuple[object, ...]] = set()
    for line in done.stdout.splitlines():
        protocol, _, _, _, local = line.split()[:5]
        address, _, port = local.rpartition(":")
        if int(port) in ports:
            inode = re.search(r"\bino:(\d+)", line)
            assert inode is not None
            for pid in re.findall(r"pid=(\d+)", line):
                found.add((protocol, address.strip("[]"), int(port), int(inode[1]), int(pid)))
    return found


@pytest.mark.skipif(not ROOT, reason="only root may become another user")
def test_without_root_every_endpoint_has_its_user_and_its_closing_as_it_happens(
    open_folder: Path,
) -> None:
    db = open_folder / "x.db"
    process = subprocess.Popen(
        bound(sys.executable, "-m", "tests.kit.as_nobody", "--db", str(db)),
        cwd=SERVICE.parent,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with Opener() as opener:
            port = opener.listen()
            question = (
                "SELECT user, uid, hidden, opened_seen, closed_seen FROM listener WHERE port = ?"
            )
            until(lambda: rows(db, question, port), "the listener is stored")
            before = time.time_ns() // 1000
            opener.close(port)
            until(lambda: rows(db, question, port)[0][4], "its closing is stored")
            assert rows(db, question, port)[0][:3] == ("root", 0, "privilege")
            assert rows(db, question, port)[0][4] == "poll"
            ((closed,),) = rows(db, "SELECT closed_at FROM listener WHERE port = ?", port)
            assert isinstance(closed, int)
            assert closed >= before - 1000
        assert rows(db, "SELECT source, interval FROM watch") == [("sock_diag", 250_000)]
        ((why,),) = rows(db, "SELECT why FROM watch")
        assert "tracepoint:" in str(why)
    finally:
        end(process)


def test_the_choice_of_a_source_says_why() -> None:
    picked = pick("auto", enters_namespaces=ROOT)
    picked.source.close()
    assert picked.why.endswith("It is the most precise source available here.")
    assert picked.source.name == ("sock_diag" if WHY_NOT else "tracepoint")
    asked = pick("portable", enters_namespaces=ROOT)
    assert (asked.source.name, asked.why) == ("portable", "It was asked for.")


def test_elsewhere_than_on_linux_only_psutil_scans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert pick("auto", enters_namespaces=True).source.name == "portable"
    with pytest.raises(ConfigError, match="needs Linux"):
        pick("sock_diag", enters_namespaces=True)


def test_a_prefork_servers_new_worker_becomes_a_holder(db: Path) -> None:
    with monitor(db, "--sample-interval", "0.3"), Opener() as opener:
        port = opener.listen()
        held = (
            "SELECT DISTINCT pid FROM listener l JOIN holder h ON h.listener_id = l.id"
            " JOIN process p ON p.id = h.process_id WHERE port = ?"
        )
        until(lambda: rows(db, held, port), "the listener is stored")
        children = opener.fork(2)
        wanted = {opener.pid, *children}
        until(lambda: {pid for (pid,) in rows(db, held, port)} == wanted, "all holders are stored")
        assert len(rows(db, "SELECT 1 FROM listener WHERE port = ?", port)) == 1


def test_the_accept_queue_of_a_listener_is_sampled(db: Path) -> None:
    with (
        monitor(db, "--sample-interval", "0.3"),
        socket.create_server(("127.0.0.1", 0), backlog=7) as server,
    ):
        port = server.getsockname()[1]
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        question = (
            "SELECT queue, backlog, clients FROM sample s JOIN listener l ON l.id = s.listener_id"
            " WHERE port = ? AND queue = 3"
        )
        until(lambda: rows(db, question, port), "the queue is sampled")
        assert set(rows(db, question, port)) == {(3, 7, 3)}
        for client in clients:
            client.close()
