"""Lines of syslog, as a daemon of this machine and servers get them."""

import os
import re
import socket
import threading
from pathlib import Path

import pytest

from porteye_core.alerts.receivers.kinds import Syslog
from porteye_core.alerts.receivers.message import Message
from porteye_core.alerts.receivers.not_sent import NotSent
from porteye_core.alerts.receivers.syslog import send
from porteye_core.alerts.receivers.time_limit import TimeLimit
from tests.kit.datagrams import receiver
from tests.unit.alerts.receivers.conftest import FINDING, message_of

REMOTE = re.compile(
    rb"<27>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z db1 porteye - msg_1 - \xef\xbb\xbf(.*)"
)
pytestmark = pytest.mark.skipif(os.name != "posix", reason="datagrams of AF_UNIX are POSIX")


def sent(to: Syslog, message: Message) -> None:
    with TimeLimit(to.longest) as limit:
        send(to, message, limit)


def test_the_daemon_of_this_machine_gets_lines_as_of_syslog3(
    tmp_path: Path, message: Message
) -> None:
    with receiver(tmp_path / "log") as daemon:
        sent(Syslog(name="log", transport="unix", host=daemon.getsockname()), message)
        line = daemon.recv(4096)
    assert re.fullmatch(
        rb"<27>\w{3} [ \d]\d \d\d:\d\d:\d\d porteye\[\d+\]: reachable from further away: .*", line
    )


def test_a_server_gets_datagrams_of_rfc_5424(message: Message) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        port = server.getsockname()[1]
        sent(Syslog(name="log", transport="udp", host="127.0.0.1", port=port), message)
        found = REMOTE.fullmatch(server.recv(4096))
    assert found
    assert found[1].startswith(b"reachable from further away: tcp 5432")


def test_a_server_gets_counted_lines_over_tcp(message: Message) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        got: list[bytes] = []

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                while piece := connection.recv(65536):
                    got.append(piece)

        thread = threading.Thread(target=serve)
        thread.start()
        both = message_of(FINDING, FINDING)
        port = server.getsockname()[1]
        sent(Syslog(name="log", transport="tcp", host="127.0.0.1", port=port), both)
        thread.join()
    stream, lines = b"".join(got), []
    while stream:
        size, _, rest = stream.partition(b" ")
        lines.append(rest[: int(size)])
        stream = rest[int(size) :]
    assert len(lines) == 2
    assert all(REMOTE.fullmatch(line) for line in lines)


def test_a_server_that_is_not_there_is_told(message: Message, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    tcp = Syslog(name="log", transport="tcp", host="127.0.0.1", port=port)
    with pytest.raises(NotSent, match="refuses the connection"):
        sent(tcp, message)
    unix = Syslog(name="log", transport="unix", host=str(tmp_path / "none"))
    with pytest.raises(NotSent, match="cannot be reached: no such file"):
        sent(unix, message)
