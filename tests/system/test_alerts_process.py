"""The alerts process with a real monitor and real servers: what it tells, and what it does not."""

import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from porteye_core.store.alerts import beside
from tests.kit.alerts_process import alerts, answers, settle, start, told
from tests.kit.nginx import needs_nginx, nginx_on
from tests.kit.processes import end
from tests.kit.rights import root
from tests.kit.service import monitor, rows
from tests.kit.values import SECOND
from tests.kit.waiting import until
from tests.kit.web_server import held_port, web_server

pytestmark = [pytest.mark.skipif(sys.platform != "linux", reason="needs Linux"), root]

# Whatever else listens on this machine is expected: others use it meanwhile.
REST = """
[defaults]
hold = "1s"
missing = "2s"
ephemeral = "ignore"
[[expected]]
port = ["1-17999", "19000-65535"]
reach = "every interface"
[[expected]]
protocol = "udp"
port = "1-65535"
reach = "every interface"
"""


def told_of(db: Path, port: int | None) -> list[tuple[str, str]]:
    """Phase and verdict, or kind, of what was told of a port."""
    return [
        (each["phase"], each["verdict"] or each["kind"])
        for each in told(db)
        if each["port"] == port
    ]


def is_seen(db: Path, port: int, opened: int, closed: int) -> bool:
    """Tell that the alerts process has judged so many openings and closings of a port."""
    ((judged,),) = answers(db, "SELECT event_id FROM cursor") or [(0,)]
    kinds = rows(db, "SELECT kind FROM event WHERE port = ? AND id <= ?", port, judged)
    return kinds.count(("opened",)) >= opened and kinds.count(("closed",)) >= closed


@needs_nginx
def test_restarts_and_crashes_of_nginx_tell_nothing(db: Path, tmp_path: Path) -> None:
    with held_port() as port, monitor(db):
        block = f'[[expected]]\nport = {port}\nprogram = "nginx"\nalways = true\n'
        settle(db, REST.replace('missing = "2s"', 'missing = "2m"') + block)
        server = "server { listen {{port}}; }"
        with alerts(db):
            with nginx_on(port, tmp_path, server):
                until(lambda: is_seen(db, port, 1, 0), "nginx is judged")
            until(lambda: is_seen(db, port, 1, 1), "its end is judged")
            with nginx_on(port, tmp_path, server) as crashing:
                until(lambda: is_seen(db, port, 2, 1), "the restarted one is judged")
                crashing.send_signal(signal.SIGKILL)
                until(lambda: is_seen(db, port, 2, 2), "the crash is judged")
            with nginx_on(port, tmp_path, server) as reread:
                until(lambda: is_seen(db, port, 3, 2), "the third one is judged")
                reread.send_signal(signal.SIGHUP)
                probe(db)
        assert told_of(db, port) == []
        assert answers(db, "SELECT kind FROM finding WHERE port = ?", port) == []


def probe(db: Path) -> None:
    """Wait until something that is new has been told: what was to be told before it has been."""
    with held_port(18_500) as port, web_server(db.parent, "0.0.0.0", port):
        until(lambda: told_of(db, port), "the probe is told")


def test_an_address_that_becomes_wider_is_told_once_within_six_seconds(
    db: Path, tmp_path: Path
) -> None:
    with held_port() as port, monitor(db):
        settle(db, f"{REST}[[expected]]\nport = {port}\n")
        with alerts(db):
            with web_server(tmp_path, "127.0.0.1", port):
                until(lambda: is_seen(db, port, 1, 0), "the server is judged")
            with web_server(tmp_path, "0.0.0.0", port):
                until(lambda: told_of(db, port), "it is told")
                probe(db)
        (found,) = [each for each in told(db) if each["port"] == port]
        assert (found["phase"], found["verdict"]) == ("begin", "wider")
        ((opened,),) = rows(db, "SELECT opened_at FROM listener WHERE id = ?", found["listener_id"])
        assert isinstance(opened, int)
        assert found["message_at"] - opened <= 6 * SECOND


def test_another_program_on_a_port_is_told_with_both(db: Path, tmp_path: Path) -> None:
    with held_port() as port, monitor(db):
        settle(db, f'{REST}[[expected]]\nport = {port}\nprogram = "sshd"\n')
        with alerts(db), web_server(tmp_path, "127.0.0.1", port):
            until(lambda: told_of(db, port), "it is told")
        (found,) = [each for each in told(db) if each["port"] == port]
        assert found["verdict"] == "owner"
        assert "sshd" in found["text"]
        assert "shop.py" in found["text"]


def test_a_process_that_is_killed_again_and_again_tells_each_port_once(
    db: Path, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        stack.enter_context(monitor(db))
        settle(db, REST)
        with alerts(db):
            pass
        held = [killed_once(db, stack) for _ in range(15)]
        with alerts(db):
            until(lambda: all(told_of(db, port) for port in held), "all are told")
            probe(db)
        assert [told_of(db, port) for port in held] == [[("begin", "new")]] * 15


def killed_once(db: Path, stack: ExitStack) -> int:
    """Listen on one more port, and kill the process once it has judged that; returns the port."""
    process = start(db)
    try:
        port = listening(stack)
        until(lambda: is_seen(db, port, 1, 0), "it is judged")
        process.send_signal(signal.SIGKILL)
    finally:
        end(process)
    return port


def listening(stack: ExitStack) -> int:
    """Listen on a free port outside the ephemeral range, and go on; returns it."""
    for port in range(18_000, 19_000):
        server = socket.socket()
        try:
            server.bind(("0.0.0.0", port))
        except OSError:
            server.close()
            continue
        stack.enter_context(closing(server))
        server.listen()
        return port
    raise AssertionError("every port is taken")


@pytest.mark.long
def test_a_monitor_that_stops_is_told_and_its_return_too(db: Path) -> None:
    settle(db, REST)
    with ExitStack() as stack:
        watching = stack.enter_context(monitor(db))
        stack.enter_context(alerts(db))
        end(watching)
        until(lambda: told_of(db, None) == [("begin", "unwatched")], "it is told")
        (found,) = [each for each in told(db) if each["port"] is None]
        assert found["text"].startswith("Nobody has watched since 20")
        stack.enter_context(monitor(db))
        until(lambda: told_of(db, None)[1:] == [("end", "unwatched")], "the end is told")


def test_a_database_that_is_replaced_is_told_once_without_a_storm(db: Path, tmp_path: Path) -> None:
    with held_port() as port, web_server(tmp_path, "0.0.0.0", port):
        settle(db, REST)
        with monitor(db), alerts(db):
            until(lambda: told_of(db, port) == [("begin", "new")], "the server is told")
        aside = db.with_name("aside")
        aside.mkdir()
        for file in db.parent.glob(f"{db.name}*"):
            file.rename(aside / file.name)
        with monitor(db), alerts(db):
            until(lambda: ("begin", "database") in told_of(db, None), "the new database is told")
            probe(db)
        assert told_of(db, port) == [("begin", "new")]
        assert told_of(db, None).count(("begin", "database")) == 1


def test_a_wrong_file_is_told_once_and_the_last_good_one_stays(db: Path, tmp_path: Path) -> None:
    file = db.with_name("expected.toml")
    with monitor(db), held_port() as port:
        settle(db, f"{REST}[[expected]]\nport = {port}\n")
        with alerts(db):
            file.write_text(f"{REST}[[expected]]\nport = 99999\n")
            until(lambda: told_of(db, None) == [("begin", "settings")], "the mistake is told")
            (found,) = [each for each in told(db) if each["port"] is None]
            assert f"{file}, line 14" in found["text"]
        with alerts(db), web_server(tmp_path, "127.0.0.1", port):
            until(lambda: is_seen(db, port, 1, 0), "the server is judged")
            probe(db)
            assert told_of(db, port) == []
            file.write_text(REST)
            until(lambda: told_of(db, port) == [("begin", "new")], "the right file is in force")
        assert told_of(db, None) == [("begin", "settings"), ("end", "settings")]


def test_a_second_process_is_refused(db: Path) -> None:
    settle(db, REST)
    with monitor(db), alerts(db) as first:
        second = start(db)
        _, said = second.communicate()
        assert second.returncode == 3
        assert f"pid {first.pid}" in said


def test_it_ends_by_sigterm_and_with_its_parent(db: Path, tmp_path: Path) -> None:
    settle(db, REST)
    with monitor(db):
        with alerts(db) as process:
            end(process)
            assert process.returncode == 0
        script = (
            "import subprocess, sys; child = subprocess.Popen(sys.argv[1:]);"
            " print(child.pid, flush=True); input()"
        )
        words = [sys.executable, "-P", "-m", "porteye_core.command", "alerts", "--db", str(db)]
        parent = subprocess.Popen(
            [sys.executable, "-c", script, *words, "--exit-with-parent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert parent.stdout
            child = int(parent.stdout.readline())
            until(lambda: Path(f"/proc/{child}").exists() and beside(db).exists(), "it judges")
        finally:
            end(parent)
        until(lambda: not Path(f"/proc/{child}").exists(), "the orphan ends")
