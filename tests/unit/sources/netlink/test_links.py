"""The interfaces that sockets are bound to, on real sockets in a network namespace of the test."""

import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from porteye_core.errors import SourceError
from porteye_core.exposure import Bound
from porteye_core.model import UNBOUND, Interface, Socket
from porteye_core.reach import InterfaceKind

if sys.platform != "linux":
    pytest.skip("rtnetlink is Linux's", allow_module_level=True)

from porteye_core.model import ScanDepth
from porteye_core.sources.netlink.links import Links
from porteye_core.sources.netlink.namespace import inside
from porteye_core.sources.netlink.netlink import NETLINK_ROUTE, open_socket
from porteye_core.sources.netlink.nlmsg import NLM_F_MULTI
from porteye_core.sources.netlink.sock_diag import SockDiag
from porteye_core.sources.portable import Portable

ROOT = os.geteuid() == 0
LO = Interface("lo", InterfaceKind.MACHINE)


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class Namespace:
    """A network namespace, by its name for ip(8)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = Path("/run/netns") / name

    def ip(self, *arguments: str) -> None:
        subprocess.run(["ip", "-n", self.name, *arguments], check=True, capture_output=True)

    def index(self, interface: str) -> int:
        return inside(self.path, lambda: socket.if_nametoindex(interface))

    def links(self, clock: Clock) -> Links:
        return Links(inside(self.path, lambda: open_socket(NETLINK_ROUTE)), clock)


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    if not ROOT or not shutil.which("ip"):
        pytest.skip("needs root and ip of iproute2 to make a network namespace")
    name = f"porteye-links-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no network namespace can be made here: {made.stderr.strip()}")
    try:
        found = Namespace(name)
        found.ip("link", "set", "lo", "up")
        yield found
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def links(namespace: Namespace, clock: Clock) -> Iterator[Links]:
    made = namespace.links(clock)
    yield made
    made.close()


def add(namespace: Namespace, interface: str, kind: str, *options: str) -> int:
    """Add an interface and return its index; skip where the kernel has no such kind."""
    try:
        namespace.ip("link", "add", interface, "type", kind, *options)
    except subprocess.CalledProcessError as err:
        pytest.skip(f"this kernel makes no {kind} interface: {err.stderr.decode().strip()}")
    return namespace.index(interface)


def listening(
    address: str = "0.0.0.0",
    interface: str = "",
    *,
    v6only: bool | None = None,
    kind: int = socket.SOCK_STREAM,
    scope: int = 0,
) -> socket.socket:
    """A socket that listens, TCP, or is bound, UDP."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, kind)
    if interface:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    if v6only is not None:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
    made.bind((address, 0, 0, scope) if family == socket.AF_INET6 else (address, 0))
    if kind == socket.SOCK_STREAM:
        made.listen()
    return made


def seen(source: SockDiag, made: socket.socket, *, count_clients: bool = False) -> Socket:
    inode = os.fstat(made.fileno()).st_ino
    (found,) = (each for each in source.read(count_clients=count_clients) if each.inode == inode)
    return found


@pytest.fixture
def source() -> Iterator[SockDiag]:
    made = SockDiag()
    yield made
    made.close()


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.53"])
def test_a_socket_that_is_bound_to_an_interface_has_its_name(
    source: SockDiag, address: str, kind: int
) -> None:
    with listening(address, "lo", kind=kind) as made, listening(address, kind=kind) as other:
        assert seen(source, made).interface == LO
        assert seen(source, other).interface == UNBOUND
        assert seen(source, made).v6only is None


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
@pytest.mark.parametrize("v6only", [True, False])
def test_an_ipv6_socket_says_if_it_refuses_ipv4(
    source: SockDiag, kind: int, *, v6only: bool
) -> None:
    with listening("::", "lo", v6only=v6only, kind=kind) as made:
        found = seen(source, made)
    assert (found.interface, found.v6only) == (LO, v6only)


def test_a_socket_that_is_bound_to_an_interface_later_is_seen_to_be(source: SockDiag) -> None:
    if not ROOT:
        pytest.skip("only root binds a socket that has an address to an interface")
    with listening() as made:
        assert seen(source, made).interface == UNBOUND
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
        assert seen(source, made).interface == LO


@pytest.mark.skipif(not shutil.which("ss"), reason="there is no ss of iproute2")
def test_places_are_written_as_ss_writes_them(source: SockDiag) -> None:
    with ExitStack() as stack:
        made = [
            stack.enter_context(each)
            for each in (
                listening("0.0.0.0", "lo"),
                listening("127.0.0.53", "lo"),
                listening("0.0.0.0"),
                listening("::", v6only=True),
                listening("::", v6only=False),
                listening("::", "lo", v6only=True),
                listening("::", "lo", v6only=False),
                listening("::1", v6only=False),
                listening("::", v6only=False, kind=socket.SOCK_DGRAM),
            )
        ]
        mine = {
            found.endpoint.port: str(
                Bound(
                    found.endpoint.address,
                    found.interface.name if found.interface else None,
                    v6only=found.v6only,
                )
            )
            for found in (seen(source, each) for each in made)
        }
        shown = subprocess.run(["ss", "-Htuln"], capture_output=True, text=True, check=True)
    theirs = dict(line.split()[4].rsplit(":", 1)[::-1] for line in shown.stdout.splitlines())
    assert mine == {port: theirs[str(port)] for port in mine}
    assert set(mine.values()) >= {"0.0.0.0%lo", "[::]", "*", "[::]%lo", "*%lo", "[::1]"}


def test_a_link_local_address_has_its_link(namespace: Namespace) -> None:
    namespace.ip("link", "add", "v1", "type", "veth", "peer", "name", "v2")
    for each in ("v1", "v2"):
        namespace.ip("link", "set", each, "up", "addrgenmode", "none")
    namespace.ip("addr", "add", "fe80::77/64", "dev", "v1", "nodad")
    there = SockDiag(namespace.path)
    index = namespace.index("v1")
    with inside(namespace.path, lambda: listening("fe80::77", scope=index)) as made:
        found = seen(there, made)
    there.close()
    assert (found.endpoint.address, found.interface) == (
        "fe80::77",
        Interface("v1", InterfaceKind.NETWORK),
    )


def test_a_name_is_that_of_the_sockets_own_namespace(namespace: Namespace) -> None:
    """Index 1 is the loopback interface everywhere; here it has another name."""
    namespace.ip("link", "set", "lo", "down")
    namespace.ip("link", "set", "lo", "name", "inner")
    there, here = SockDiag(namespace.path), SockDiag()
    with inside(namespace.path, lambda: listening(interface="inner")) as inner:
        assert seen(there, inner).interface == Interface("inner", InterfaceKind.MACHINE)
    with listening(interface="lo") as outer:
        assert seen(here, outer).interface == LO
    there.close()
    here.close()


def test_a_bridge_of_containers_leads_to_them_and_another_one_anywhere(
    namespace: Namespace, links: Links, clock: Clock
) -> None:
    bridge = add(namespace, "br0", "bridge")
    assert links.interface(bridge) == Interface("br0", InterfaceKind.CONTAINERS)
    for number in range(3):
        add(namespace, f"v{number}", "veth", "peer", "name", f"w{number}")
        namespace.ip("link", "set", f"v{number}", "master", "br0")
    clock.seconds += 6
    assert links.interface(bridge).kind is InterfaceKind.CONTAINERS
    add(namespace, "out0", "ifb")  # hardware that any namespace may have
    namespace.ip("link", "set", "out0", "master", "br0")
    clock.seconds += 6
    assert links.interface(bridge).kind is InterfaceKind.NETWORK


def test_a_virtual_machine_or_a_vpn_on_a_bridge_may_lead_anywhere(
    namespace: Namespace, links: Links
) -> None:
    bridge = add(namespace, "br0", "bridge")
    try:
        namespace.ip("tuntap", "add", "tap0", "mode", "tap")
    except subprocess.CalledProcessError as err:
        pytest.skip(f"this kernel makes no tap interface: {err.stderr.decode().strip()}")
    namespace.ip("link", "set", "tap0", "master", "br0")
    assert links.interface(bridge).kind is InterfaceKind.NETWORK


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("dummy", (), InterfaceKind.MACHINE),
        ("vrf", ("table", "10"), InterfaceKind.VRF),
        ("veth", ("peer", "name", "w0"), InterfaceKind.NETWORK),
    ],
)
def test_the_kind_of_an_interface_says_where_it_leads(
    namespace: Namespace, links: Links, kind: str, options: tuple[str, ...], expected: InterfaceKind
) -> None:
    assert links.interface(add(namespace, "x0", kind, *options)) == Interface("x0", expected)


def test_an_interface_that_was_removed_is_known_by_its_index(namespace: Namespace) -> None:
    index = add(namespace, "br0", "bridge")
    there = SockDiag(namespace.path)
    with inside(namespace.path, lambda: listening(interface="br0")) as made:
        assert seen(there, made).interface == Interface("br0", InterfaceKind.CONTAINERS)
        namespace.ip("link", "del", "br0")
        there.close()  # as between two scans into another namespace
        found = seen(there, made, count_clients=True)
    there.close()
    assert found.interface == Interface(f"if{index}", InterfaceKind.GONE)


def test_a_new_name_is_known_after_five_seconds(
    namespace: Namespace, links: Links, clock: Clock
) -> None:
    index = add(namespace, "br0", "bridge")
    assert links.interface(index).name == "br0"
    namespace.ip("link", "set", "br0", "name", "br1")
    clock.seconds += 4
    assert links.interface(index).name == "br0"
    clock.seconds += 2
    assert links.interface(index).name == "br1"


def test_the_ports_of_many_bridges_are_not_all_listed(namespace: Namespace, links: Links) -> None:
    kinds = [links.interface(add(namespace, f"br{n}", "bridge")).kind for n in range(20)]
    assert kinds == [InterfaceKind.CONTAINERS] * 16 + [InterfaceKind.NETWORK] * 4


def test_without_root_a_name_is_known(source: SockDiag) -> None:
    if not ROOT:
        pytest.skip("needs root to become somebody else; the other tests ran without it")
    script = """
import encodings.idna, os, socket
from porteye_core.sources.netlink.sock_diag import SockDiag
os.setgroups([]); os.setgid(65534); os.setuid(65534)
made = socket.socket(); made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
made.bind(("0.0.0.0", 0)); made.listen(); inode = os.fstat(made.fileno()).st_ino
print([s.interface.name for s in SockDiag().read(count_clients=False) if s.inode == inode])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.stdout, done.stderr) == ("['lo']\n", "")


@pytest.mark.long
def test_psutil_knows_no_interface() -> None:
    with listening(interface="lo") as made:
        port = made.getsockname()[1]
        (found,) = (
            each
            for each in Portable().read(ScanDepth.SOCKETS).sockets or ()
            if each.endpoint.port == port
        )
    assert (found.interface, found.v6only) == (None, None)


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def link(name: bytes, kind: bytes = b"", *, master: int = 0, flags: int = 0) -> bytes:
    """What the kernel answers about one interface."""
    body = struct.pack("=BxHiII", 0, 1, 9, 0, 0) + attribute(3, name + b"\0")
    if master:
        body += attribute(10, struct.pack("=I", master))
    if kind:
        body += attribute(18 | 0x8000, attribute(1, kind + b"\0"))  # NLA_F_NESTED
    return struct.pack("=IHHII", 16 + len(body), 16, flags, 1, 0) + body


def told(*buffers: bytes) -> Interface:
    """The interface 9, where the kernel gives these answers."""
    mine, kernel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for buffer in buffers:
        kernel.send(buffer)
    kernel.shutdown(socket.SHUT_WR)
    kernel.detach()  # it closes with the process: asking it must not fail
    with mine:
        return Links(mine).interface(9)


DONE = struct.pack("=IHHIIi", 20, 3, NLM_F_MULTI, 1, 0, 0)
INTERRUPTED = struct.pack("=IHHIIi", 20, 3, NLM_F_MULTI | 0x10, 1, 0, 0)
BRIDGE, PORT = link(b"br0", b"bridge"), link(b"v0", b"veth", master=9, flags=NLM_F_MULTI)


@pytest.mark.parametrize(
    ("kind", "expected"), [(b"vrf", InterfaceKind.VRF), (b"dummy", InterfaceKind.MACHINE)]
)
def test_kinds_are_read_as_the_kernel_writes_them(kind: bytes, expected: InterfaceKind) -> None:
    assert told(link(b"blue", kind)) == Interface("blue", expected)


def test_a_name_of_odd_bytes_is_text() -> None:
    assert told(link(b"a\xff=")).name == "a\ufffd="


def test_ports_that_changed_under_a_scan_are_asked_for_again() -> None:
    found = told(BRIDGE, PORT + INTERRUPTED, PORT + DONE)
    assert found.kind is InterfaceKind.CONTAINERS
    with pytest.raises(SourceError, match="changed under each"):
        told(BRIDGE, *[INTERRUPTED] * 5)


def test_a_kernel_that_lists_every_interface_tells_which_are_ports() -> None:
    other = link(b"eth0", flags=NLM_F_MULTI)
    assert told(BRIDGE, other + PORT, DONE).kind is InterfaceKind.CONTAINERS


@pytest.mark.parametrize(
    "buffer", [b"", b"x" * 15, PORT[:20], link(b"")], ids=["none", "cut", "short", "nameless"]
)
def test_an_answer_that_cannot_be_read_is_an_error_with_a_sentence(buffer: bytes) -> None:
    with pytest.raises(SourceError, match="network interface"):
        told(*([buffer] if buffer else []))


def test_a_refusal_other_than_that_there_is_none_is_an_error() -> None:
    denied = struct.pack("=IHHIIi", 20, 2, 0, 1, 0, -13)
    with pytest.raises(SourceError, match="name a network interface: Permission denied"):
        told(denied)
