"""What is told to a service manager, read from real sockets."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from porteye_core.system.systemd import ServiceManager
from tests.kit.datagrams import receiver

pytestmark = pytest.mark.skipif(os.name != "posix", reason="datagrams of AF_UNIX are POSIX")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with receiver(tmp_path / "notify") as listening:
        yield listening


def test_a_state_is_one_datagram_of_lines(manager: socket.socket) -> None:
    told = ServiceManager({"NOTIFY_SOCKET": manager.getsockname()})
    told.tell(READY="1", STATUS="two\nlines")
    told.close()
    assert manager.recv(4096) == b"READY=1\nSTATUS=two lines"


@pytest.mark.skipif(sys.platform != "linux", reason="abstract names are Linux's")
def test_a_name_after_an_at_sign_is_an_abstract_one() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0porteye-test-{os.getpid()}")
        listening.settimeout(10)
        told = ServiceManager({"NOTIFY_SOCKET": f"@porteye-test-{os.getpid()}"})
        told.tell(READY="1")
        told.close()
        assert listening.recv(4096) == b"READY=1"


@pytest.mark.parametrize("address", ["", "relative", "vsock:2:1234"])
def test_without_a_manager_that_can_be_told_nobody_is(address: str) -> None:
    told = ServiceManager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})
    told.tell(READY="1")
    told.close()
    assert told.watchdog is None


def test_a_manager_that_has_gone_is_no_error(tmp_path: Path) -> None:
    told = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    told.tell(READY="1")
    told.close()


def test_a_manager_that_reads_nothing_holds_nobody_up(manager: socket.socket) -> None:
    told = ServiceManager({"NOTIFY_SOCKET": manager.getsockname()})
    for _ in range(10_000):  # more than any queue of datagrams
        told.tell(WATCHDOG="1")
    told.close()


@pytest.mark.parametrize(
    ("variables", "period"),
    [
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "500000"}, 0.5),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_for_the_process_that_the_manager_means(
    manager: socket.socket, variables: dict[str, str], period: float | None
) -> None:
    told = ServiceManager({"NOTIFY_SOCKET": manager.getsockname(), **variables})
    told.close()
    assert told.watchdog == period
