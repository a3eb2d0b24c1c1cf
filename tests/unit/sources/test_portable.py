"""The psutil source on real sockets."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from porteye_core.errors import SourceError
from porteye_core.model import Endpoint, Family, Protocol, ScanDepth, Socket
from porteye_core.sources import proc_net
from porteye_core.sources.portable import Portable
from tests.kit.opener import Opener

pytestmark = pytest.mark.host

MATRIX = [(family, kind) for family in ("ipv4", "ipv6") for kind in ("tcp", "udp")]


@pytest.fixture
def opener() -> Iterator[Opener]:
    with Opener() as process:
        yield process


def at(port: int, source: Portable | None = None) -> list[Socket]:
    """What a fresh source, or this one, sees at a port."""
    seen = (source or Portable()).read(ScanDepth.SOCKETS if source else ScanDepth.CLIENTS).sockets
    assert seen is not None
    return [found for found in seen if found.endpoint.port == port]


@pytest.mark.parametrize(("family", "kind"), MATRIX)
def test_a_socket_is_absent_present_and_absent_again(
    opener: Opener, family: str, kind: str
) -> None:
    source = Portable()
    source.read(ScanDepth.SOCKETS)
    port = opener.listen(family, kind)
    (found,) = at(port, source)
    address = "::1" if family == "ipv6" else "127.0.0.1"
    where = Endpoint(Protocol(kind), Family(family), address, port)
    assert replace(found.endpoint, netns=None) == where
    assert found.pid == opener.pid
    opener.close(port)
    assert at(port, source) == []


def test_sockets_that_share_a_port_are_two(opener: Opener) -> None:
    port = opener.listen("ipv4", "tcp", 0, "reuse")
    opener.listen("ipv4", "tcp", port, "reuse")
    opener.listen("ipv6", "tcp", port)
    assert len(at(port)) == 3
    assert len({found.fd for found in at(port)}) == 3


def test_the_very_same_scan_is_returned_while_nothing_changes(opener: Opener) -> None:
    source = Portable(fingerprint=lambda: frozenset({b"the same"}))
    first = source.read(ScanDepth.SOCKETS).sockets
    opener.listen()
    assert source.read(ScanDepth.SOCKETS).sockets is first
    assert source.read(ScanDepth.CLIENTS).sockets is not first


def test_without_a_fingerprint_every_scan_is_a_full_one(opener: Opener) -> None:
    source = Portable(fingerprint=lambda: None)
    source.read(ScanDepth.SOCKETS)
    port = opener.listen()
    assert at(port, source)


def test_a_connected_udp_socket_is_a_client() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        assert at(port)
        bound.connect(("127.0.0.1", 9))
        assert at(port) == []


def test_connected_clients_are_counted(opener: Opener) -> None:
    port = opener.listen()
    assert at(port)[0].clients == 0
    with (
        socket.create_connection(("127.0.0.1", port)),
        socket.create_connection(("127.0.0.1", port)),
    ):
        assert at(port)[0].clients == 2


def test_a_client_over_ipv4_counts_for_a_dual_stack_listener() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            assert at(port)[0].clients == 1


def test_a_scan_without_counting_says_that_it_did_not_count(opener: Opener) -> None:
    port = opener.listen()
    (found,) = at(port, Portable())
    assert found.clients is None


def test_a_failed_read_is_an_error_and_not_an_empty_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(kind: str) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(psutil, "net_connections", fail)
    with pytest.raises(SourceError, match="Too many open files"):
        Portable().read(ScanDepth.CLIENTS)


def test_where_the_whole_table_is_forbidden_each_process_is_asked(
    opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbid(kind: str) -> None:
        raise psutil.AccessDenied

    port = opener.listen()
    monkeypatch.setattr(psutil, "net_connections", forbid)
    assert [found.pid for found in at(port)] == [opener.pid]


def test_the_fingerprint_changes_with_the_listening_sockets_alone(opener: Opener) -> None:
    port = opener.listen()
    before = proc_net.fingerprint()
    assert before is not None
    with socket.create_connection(("127.0.0.1", port)):
        assert proc_net.fingerprint() == before
    opener.close(port)
    after = proc_net.fingerprint()
    assert after is not None
    assert any(f":{port:04X} ".encode() in line for line in before - after)


def test_a_closed_and_opened_again_socket_changes_the_fingerprint(opener: Opener) -> None:
    port = opener.listen()
    before = proc_net.fingerprint()
    opener.close(port)
    opener.listen("ipv4", "tcp", port)
    assert proc_net.fingerprint() != before


def test_without_proc_net_there_is_no_fingerprint(tmp_path: Path) -> None:
    assert proc_net.fingerprint(tmp_path) is None
