"""The sock_diag source against the kernel and its peers, on the tests' own sockets."""

import json
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from porteye_core.errors import SourceError
from porteye_core.model import Endpoint, Family, Protocol, ScanDepth, Socket
from porteye_core.sources.netlink import sock_diag
from porteye_core.sources.netlink.crowd import Crowd, Rows, joined
from porteye_core.sources.netlink.destroy_feed import DestroyFeed, open_destroy_feed
from porteye_core.sources.netlink.inet_diag import AF_INET, LISTEN, DiagSocket
from porteye_core.sources.netlink.namespaces import Namespaces
from porteye_core.sources.netlink.netlink import Dumper, open_dumper
from porteye_core.sources.netlink.sock_diag import SockDiag
from porteye_core.sources.portable import Portable
from tests.kit.service import PROJECT

if sys.platform != "linux":
    pytest.skip("sock_diag is Linux's", allow_module_level=True)

ROOT = os.geteuid() == 0
DATA = PROJECT / "tests" / "data"
ADDRESSES = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
EVERY_KIND = [(f, k) for f in ADDRESSES for k in (socket.SOCK_STREAM, socket.SOCK_DGRAM)]


@pytest.fixture
def source() -> Iterator[SockDiag]:
    made = SockDiag()
    yield made
    made.close()


@pytest.fixture
def feed() -> Iterator[DestroyFeed]:
    with open_destroy_feed() as made:
        yield made


def opened(family: int, kind: int, address: str = "", backlog: int = 7) -> socket.socket:
    made = socket.socket(family, kind)
    made.bind((address or ADDRESSES[socket.AddressFamily(family)], 0))
    if kind == socket.SOCK_STREAM:
        made.listen(backlog)
    return made


def inode_of(made: socket.socket) -> int:
    return os.fstat(made.fileno()).st_ino


def port_of(made: socket.socket) -> int:
    return int(made.getsockname()[1])


def at(source: SockDiag | Portable, port: int, *, count_clients: bool = False) -> list[Socket]:
    if isinstance(source, Portable):
        depth = ScanDepth.CLIENTS if count_clients else ScanDepth.SOCKETS
        sockets = source.read(depth).sockets or ()
    else:
        sockets = source.read(count_clients=count_clients)
    return [found for found in sockets if found.endpoint.port == port]


def connected(address: str, port: int, count: int, stack: ExitStack) -> None:
    for _ in range(count):
        stack.enter_context(socket.create_connection((address, port), 10))


def announced(feed: DestroyFeed, cookie: int) -> list[DiagSocket]:
    """What the feed says up to and with this socket."""
    told: list[DiagSocket] = []
    while not any(each.cookie == cookie for each in told):
        assert select.select([feed], [], [], 10)[0], f"never announced; {told}"
        drained = feed.drain()
        assert not drained.lost
        told += drained.sockets
    return told


@pytest.mark.parametrize(("family", "kind"), EVERY_KIND)
def test_a_socket_is_absent_then_present_then_absent(
    source: SockDiag, family: int, kind: int
) -> None:
    made = opened(family, kind)
    port, inode = port_of(made), inode_of(made)
    (found,) = at(source, port)
    expected = Endpoint(
        Protocol.TCP if kind == socket.SOCK_STREAM else Protocol.UDP,
        Family.IPV4 if family == socket.AF_INET else Family.IPV6,
        ADDRESSES[socket.AddressFamily(family)],
        port,
        Path("/proc/self/ns/net").stat().st_ino,
    )
    assert (found.endpoint, found.inode, found.uid) == (expected, inode, os.geteuid())
    made.close()
    assert not at(source, port)


def test_the_order_is_that_of_the_endpoints(source: SockDiag) -> None:
    with ExitStack() as stack:
        for family, kind in EVERY_KIND * 3:
            stack.enter_context(opened(family, kind))
        endpoints = [found.endpoint for found in source.read(count_clients=False)]
    assert endpoints == sorted(endpoints)
    assert len(endpoints) >= 12


def test_both_sources_see_the_same_endpoints_and_clients(source: SockDiag) -> None:
    ports: set[int] = set()
    with ExitStack() as stack:
        for family, kind in EVERY_KIND:
            made = stack.enter_context(opened(family, kind))
            wide = stack.enter_context(opened(family, kind, "::" if family != AF_INET else ""))
            if kind == socket.SOCK_STREAM:
                connected(ADDRESSES[socket.AddressFamily(family)], port_of(made), 2, stack)
                connected(ADDRESSES[socket.AddressFamily(family)], port_of(wide), 1, stack)
                connected("127.0.0.1", port_of(wide), 2, stack)
            ports |= {port_of(made), port_of(wide)}
        mine = [found for port in sorted(ports) for found in at(source, port, count_clients=True)]
        other = Portable()
        theirs = [found for port in sorted(ports) for found in at(other, port, count_clients=True)]
    seen = [(each.endpoint, each.clients) for each in mine]
    assert seen == [(each.endpoint, each.clients) for each in theirs]
    assert len(seen) >= len(ports)


def test_clients_over_ipv4_of_a_dual_stack_listener_are_its_own(source: SockDiag) -> None:
    with opened(socket.AF_INET6, socket.SOCK_STREAM, "::") as made, ExitStack() as stack:
        connected("127.0.0.1", port_of(made), 2, stack)
        connected("::1", port_of(made), 1, stack)
        (found,) = at(source, port_of(made), count_clients=True)
    assert found.clients == 3


def test_the_clients_of_sockets_that_share_an_endpoint_are_not_made_up(source: SockDiag) -> None:
    with ExitStack() as stack:
        twins = [stack.enter_context(socket.socket()) for _ in range(2)]
        for twin in twins:
            twin.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            twin.bind(twins[0].getsockname() if twin is twins[1] else ("127.0.0.1", 0))
            twin.listen()
        port = port_of(twins[0])
        assert [found.clients for found in at(source, port, count_clients=True)] == [0, 0]
        connected("127.0.0.1", port, 1, stack)
        found = at(source, port, count_clients=True)
    assert [each.clients for each in found] == [None, None]
    assert len({each.cookie for each in found}) == 2


def test_a_connected_udp_socket_is_not_listening(source: SockDiag) -> None:
    with opened(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.connect(("127.0.0.1", 9))
        assert not at(source, port_of(made))


def test_waiting_clients_are_the_queue_of_a_listener(source: SockDiag) -> None:
    with opened(socket.AF_INET, socket.SOCK_STREAM, backlog=7) as made, ExitStack() as stack:
        connected("127.0.0.1", port_of(made), 3, stack)
        (found,) = at(source, port_of(made))
    assert (found.queue, found.backlog) == (3, 7)


def test_the_same_sockets_as_ss_shows(source: SockDiag) -> None:
    if not shutil.which("ss"):
        pytest.skip("needs ss of iproute2")
    with ExitStack() as stack:
        made = [stack.enter_context(opened(*each)) for each in EVERY_KIND * 3]
        ports = {port_of(each) for each in made}
        shown = subprocess.run(["ss", "-Htlun"], capture_output=True, text=True, check=True)
        mine = source.read(count_clients=False)
    rows = [line.split() for line in shown.stdout.splitlines()]
    theirs = sorted(f"{row[0]} {row[4]}" for row in rows if int(row[4].rpartition(":")[2]) in ports)
    assert theirs == sorted(str(s.endpoint) for s in mine if s.endpoint.port in ports)
    assert len(theirs) == len(made)


@pytest.mark.parametrize(("family", "kind"), EVERY_KIND)
def test_a_destroyed_socket_is_announced_with_the_cookie_of_its_row(
    source: SockDiag, feed: DestroyFeed, family: int, kind: int
) -> None:
    made = opened(family, kind)
    (found,) = at(source, port_of(made))
    made.close()
    assert found.cookie is not None
    (told,) = (each for each in announced(feed, found.cookie) if each.cookie == found.cookie)
    assert (told.address, told.port) == (found.endpoint.address, found.endpoint.port)


@pytest.mark.parametrize("family", list(ADDRESSES))
def test_closed_connections_of_a_listener_stay_in_the_kernel(
    source: SockDiag, feed: DestroyFeed, family: int
) -> None:
    made = opened(family, socket.SOCK_STREAM)
    (found,) = at(source, port_of(made))
    with opened(family, socket.SOCK_DGRAM) as client:
        client.connect((ADDRESSES[socket.AddressFamily(family)], 9))
    for _ in range(5):
        with socket.create_connection(made.getsockname()[:2]) as client, made.accept()[0] as taken:
            linger = struct.pack("ii", 1, 0)  # both ends are destroyed at once, none waits
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    made.close()
    assert found.cookie is not None
    told = announced(feed, found.cookie)
    assert [each.cookie for each in told if each.port == found.endpoint.port] == [found.cookie]


@pytest.mark.parametrize("family", list(ADDRESSES))
def test_clients_that_nobody_accepted_are_not_announced(
    source: SockDiag, feed: DestroyFeed, family: int
) -> None:
    with ExitStack() as stack:
        made = opened(family, socket.SOCK_STREAM)
        port = port_of(made)
        connected(ADDRESSES[socket.AddressFamily(family)], port, 3, stack)
        (found,) = at(source, port)
        made.close()
        assert found.cookie is not None
        told = [each for each in announced(feed, found.cookie) if each.port == port]
    assert [each.cookie for each in told] == [found.cookie]


def test_announcements_that_did_not_fit_are_counted_as_lost() -> None:
    many = 200
    with open_destroy_feed(room=1) as feed, open_destroy_feed() as roomy:
        for _ in range(many):
            opened(socket.AF_INET, socket.SOCK_STREAM).close()
        seen = 0
        while seen < many:  # once the roomy one has them all, the small one has been told, too
            assert select.select([roomy], [], [], 10)[0]
            seen += len(roomy.drain().sockets)
        told = feed.drain()
        assert told.lost > 0
        assert len(told.sockets) + told.lost >= seen  # others may have closed some since


def test_nobody_in_particular_sees_it_all_the_same() -> None:
    if not ROOT:
        pytest.skip("needs root to become somebody else; the other tests ran without it")
    script = """
import encodings.idna, json, os, select, socket
from porteye_core.sources.netlink import sock_diag
from porteye_core.sources.netlink.crowd import Crowd, Rows, joined
from porteye_core.sources.netlink.destroy_feed import open_destroy_feed
from porteye_core.sources.netlink.sock_diag import SockDiag
os.setgroups([]); os.setgid(65534); os.setuid(65534)
made = socket.create_server(("127.0.0.1", 0)); port = made.getsockname()[1]
source, feed = SockDiag(), open_destroy_feed()
rows = [s for s in source.read(count_clients=True) if s.endpoint.port == port]
made.close(); told = []
while not told and select.select([feed], [], [], 10)[0]:
    told = [s.cookie for s in feed.drain().sockets if s.port == port]
print(json.dumps([[s.uid, s.clients, s.cookie] for s in rows] + told))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert not done.returncode, done.stderr
    row, cookie = json.loads(done.stdout)
    assert row == [65534, 0, cookie]


@pytest.fixture
def namespace() -> Iterator[str]:
    if not ROOT or not shutil.which("ip"):
        pytest.skip("needs root and ip of iproute2 to make a network namespace")
    name = f"porteye-test-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no network namespace can be made here: {made.stderr.strip()}")
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def test_a_listener_in_another_namespace_is_seen_there_and_not_here(
    source: SockDiag, namespace: str
) -> None:
    path = Path("/run/netns") / namespace
    script = (
        "import socket, sys; s = socket.create_server(('127.0.0.1', 0));"
        "print(s.getsockname()[1], flush=True); sys.stdin.read(); s.close();"
        "print('closed', flush=True); sys.stdin.read()"
    )
    there = SockDiag(path)
    with (
        open_destroy_feed(path) as feed,
        subprocess.Popen(
            ["ip", "netns", "exec", namespace, sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stdin
        assert process.stdout
        port = int(process.stdout.readline())
        before = Path("/proc/self/ns/net").stat().st_ino
        (found,) = at(there, port, count_clients=True)
        assert found.endpoint.netns == path.stat().st_ino != before
        assert not [s for s in at(source, port) if s.inode == found.inode]
        process.stdin.close()
        assert found.cookie is not None
        assert announced(feed, found.cookie)[-1].port == port
    assert Path("/proc/thread-self/ns/net").stat().st_ino == before
    there.close()


def test_a_namespace_is_not_taken_for_that_in_which_its_process_was(
    namespace: str, tmp_path: Path
) -> None:
    network = tmp_path / "7/ns/net"
    for path in (network, tmp_path / "self/ns/net"):
        path.parent.mkdir(parents=True)
        path.symlink_to("/proc/self/ns/net")
    (tmp_path / "self/mountinfo").touch()
    network.unlink()
    network.symlink_to(f"/run/netns/{namespace}")

    def go_home() -> float:
        network.unlink()
        network.symlink_to("/proc/self/ns/net")
        return 0.0

    with socket.create_server(("127.0.0.1", 0)):
        others = Namespaces(tmp_path, clock=go_home).read()
    assert len(others.living) == 1
    assert not others.sockets
    assert not others.scanned


def test_a_namespace_that_is_gone_is_an_error_with_a_sentence() -> None:
    with pytest.raises(SourceError, match="/proc/self/ns/none is closed: No such file"):
        SockDiag(Path("/proc/self/ns/none")).read(count_clients=False)
    with pytest.raises(SourceError, match="is closed: No such file"):
        open_destroy_feed(Path("/proc/self/ns/none"))


def test_a_protocol_that_the_kernel_lacks_is_an_error_with_a_sentence() -> None:
    with open_dumper() as dumper, pytest.raises(SourceError, match=r"list its sockets: No such"):
        dumper.dump(AF_INET, 250, LISTEN, tuple)


def test_after_a_failed_scan_the_next_one_opens_a_socket_of_its_own(source: SockDiag) -> None:
    with opened(socket.AF_INET, socket.SOCK_STREAM) as made:
        before = source.read(count_clients=False)
        assert source._dumper
        source._dumper.close()
        with pytest.raises(SourceError):
            source.read(count_clients=False)
        assert at(source, port_of(made)) == [s for s in before if s.inode == inode_of(made)]


DONE = struct.pack("=IHHIIi", 20, 3, 2, 1, 0, 0)
INTERRUPTED = struct.pack("=IHHIIi", 20, 3, 0x12, 1, 0, 0)


def answered(*buffers: bytes) -> Dumper:
    """A dumper whose kernel gives these answers."""
    mine, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for buffer in buffers:
        kernel.send(buffer)
    kernel.shutdown(socket.SHUT_WR)
    kernel.detach()  # it closes with the process: asking it must not fail
    return Dumper(mine)


def test_a_dump_under_which_the_table_changed_is_asked_for_again() -> None:
    with answered(INTERRUPTED, INTERRUPTED, DONE) as dumper:
        assert dumper.dump(AF_INET, 6, LISTEN, tuple) == (DONE,)


def test_a_table_that_never_rests_is_an_error() -> None:
    with answered(*[INTERRUPTED] * 5) as dumper, pytest.raises(SourceError, match="changed during"):
        dumper.dump(AF_INET, 6, LISTEN, tuple)


@pytest.mark.parametrize("buffers", [[b"x" * 70_000], []], ids=["too long", "cut off"])
def test_an_incomplete_answer_is_an_error(buffers: list[bytes]) -> None:
    with answered(*buffers) as dumper, pytest.raises(SourceError, match="too long"):
        dumper.dump(AF_INET, 6, LISTEN, tuple)


def test_an_unchanged_system_gives_the_very_same_tuple(source: SockDiag) -> None:
    rows = {path.stem: path.read_bytes() for path in DATA.glob("*.bin")}
    scans = [rows["listen4"] + DONE, rows["listen6"] + DONE, rows["udp4"] + DONE, DONE]
    shorter = bytearray(scans[0])
    shorter[72] = 1  # idiag_rqueue: two clients were accepted
    drained = [bytes(shorter), *scans[1:]]
    counted = [rows["established4"] + DONE, rows["established6"] + DONE]
    closed = [DONE, *scans[1:]]
    source._dumper = answered(*scans, *scans, *drained, *drained, *counted, *drained, *closed)
    before = source.read(count_clients=False)
    assert [each.queue for each in before] == [3, 3, 0, None]
    assert source.read(count_clients=False) is before
    assert source.read(count_clients=False) is before  # a queue is no change of its own
    full = source.read(count_clients=True)
    assert [(each.queue, each.clients) for each in full] == [(1, 3), (3, 3), (0, 0), (None, None)]
    assert source.read(count_clients=False) is full
    assert source.read(count_clients=False) == tuple(
        replace(each, clients=None) for each in full[1:]
    )


def test_a_row_that_cannot_be_read_is_an_error_and_not_a_closed_listener(
    source: SockDiag,
) -> None:
    spoiled = (DATA / "listen4.bin").read_bytes()[:80]
    source._dumper = answered(struct.pack("=I", 80) + spoiled[4:] + DONE)
    with pytest.raises(SourceError):
        source.read(count_clients=False)


@pytest.fixture
def packing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dumps of whatever size are packed as large ones are."""
    monkeypatch.setattr(sock_diag, "_LARGEST", 0)


def of_ports(sockets: Sequence[Socket], ports: set[int]) -> list[Socket]:
    found = [each for each in sockets if each.endpoint.port in ports]
    return sorted(found, key=lambda each: each.inode or 0)


@pytest.mark.parametrize("counting", [False, True])
@pytest.mark.usefixtures("packing")
def test_a_large_dump_tells_the_same_of_every_socket(
    monkeypatch: pytest.MonkeyPatch, *, counting: bool
) -> None:
    with ExitStack() as stack:
        made = [stack.enter_context(opened(*each)) for each in EVERY_KIND]
        ports = set(map(port_of, made))
        for _ in range(3):
            stack.enter_context(socket.create_connection(made[0].getsockname()))
            stack.enter_context(made[0].accept()[0])
        packed, whole = SockDiag(), SockDiag()
        stack.callback(packed.close)
        stack.callback(whole.close)
        crowd = packed.read(count_clients=counting)
        monkeypatch.undo()
        assert isinstance(crowd, Crowd)
        assert of_ports(crowd, ports) == of_ports(whole.read(count_clients=counting), ports)
        assert [each.clients for each in of_ports(crowd, ports)].count(3) == counting
        assert len(of_ports(crowd, ports)) == len(made)


ROW = DiagSocket(2, 6, 10, "127.0.0.1", 80, "", 0, 0, cookie=7, uid=0, inode=5, queue=0,
                 backlog=7, v6only=None)  # fmt: skip


def packed_rows(*dumps: Sequence[DiagSocket]) -> Rows:
    rows = Rows()
    for dump in dumps:
        rows.begin()
        rows.add(dump)
        rows.end()
    return rows


def test_packed_rows_are_the_same_whatever_waits_in_their_queues() -> None:
    waiting = ROW._replace(queue=3)
    other = ROW._replace(cookie=8, inode=6)
    assert packed_rows([waiting])[0] == waiting
    assert packed_rows([ROW]).identity == packed_rows([waiting]).identity
    assert packed_rows([ROW]).identity != packed_rows([ROW, other]).identity
    assert packed_rows([ROW]).identity != packed_rows([other]).identity


def test_a_socket_that_a_dump_tells_twice_is_packed_once() -> None:
    assert len(packed_rows([ROW, ROW])) == 1


def test_a_dump_that_was_interrupted_is_packed_anew_and_the_ones_before_stay() -> None:
    rows = packed_rows([ROW])
    rows.begin()
    rows.add([ROW._replace(cookie=8)])
    rows.begin()
    rows.add([ROW._replace(cookie=9)])
    rows.end()
    assert [rows[at].cookie for at in range(len(rows))] == [7, 9]


def test_joined_sockets_are_all_there_in_their_order() -> None:
    few = (Socket(Endpoint(Protocol.TCP, Family.IPV4, "127.0.0.1", port)) for port in (1, 2, 3))
    one, two, three = few
    crowd = Crowd(packed_rows([ROW]), lambda row, _: one, None)
    assert list(joined([crowd, (), (two, three)])) == [one, two, three]
    assert joined([(one,), (two, three)]) == (one, two, three)
    with pytest.raises(IndexError):
        joined([crowd])[1]
