"""What is stored and told of the place that a socket is bound to."""

import csv
import io
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from porteye_core.api import create_api
from porteye_core.config import Config
from porteye_core.model import (
    UNBOUND,
    AttributedSocket,
    Filters,
    Interface,
    Precision,
)
from porteye_core.reach import InterfaceKind
from porteye_core.store.reading import MomentCoverage, open_reader
from porteye_core.store.reading.compared_rows import compared_rows
from porteye_core.store.reading.differences import differences
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.conftest import PLAN
from tests.kit.service import monitor, rows
from tests.kit.timelines import timeline_of
from tests.kit.values import HOST, SECOND, endpoint, owned, process
from tests.kit.waiting import until

LINUX = sys.platform == "linux"
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
needs_linux = pytest.mark.skipif(not LINUX, reason="SO_BINDTODEVICE is Linux's")
needs_root = pytest.mark.skipif(not (LINUX and ROOT), reason="needs root on Linux")
SOURCES = [
    pytest.param("sock_diag", marks=needs_linux),
    pytest.param("tracepoint", marks=needs_root),
]
LO = Interface("lo", InterfaceKind.MACHINE)
STORED = "SELECT interface, interface_kind, v6only FROM listener WHERE port = ?"


@contextmanager
def bound(
    address: str = "0.0.0.0", interface: str = "", *, v6only: bool | None = None
) -> Iterator[socket.socket]:
    """A TCP socket that is bound and does not listen yet."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as made:
        if interface:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        if v6only is not None:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
        made.bind((address, 0))
        yield made


def port_of(made: socket.socket) -> int:
    return int(made.getsockname()[1])


def expect_stored(db: Path, port: int, place: tuple[object, ...]) -> None:
    """Wait until the only listener of this port has this interface, its kind and IPV6_V6ONLY."""
    until(lambda: rows(db, STORED, port) == [place], f"{place} is stored for {port}")


def placed(
    port: int, address: str, interface: Interface | None, *, v6only: bool | None
) -> AttributedSocket:
    """An owned socket with what the kernel says of its place."""
    seen = owned(endpoint(port, address=address), process(port), inode=port)
    return replace(seen, socket=replace(seen.socket, interface=interface, v6only=v6only))


@pytest.mark.parametrize("source", SOURCES)
def test_a_monitor_stores_the_interface_and_if_ipv4_is_refused(db: Path, source: str) -> None:
    with (
        monitor(db, "--source", source),
        bound("0.0.0.0", "lo") as only_lo,
        bound("::", v6only=False) as dual,
        bound("::", v6only=True) as refusing,
        bound("0.0.0.0") as plain,
    ):
        ports = [port_of(each) for each in (only_lo, dual, refusing, plain)]
        for each in (only_lo, dual, refusing, plain):
            each.listen()
        expected = [("lo", "machine", None), ("", None, 0), ("", None, 1), ("", None, None)]
        for port, place in zip(ports, expected, strict=True):
            expect_stored(db, port, place)
        with open_reader(db) as reader:
            wanted = Filters(ports=tuple((port, port) for port in ports))
            table = reader.open_now(wanted, 2**53).set_index("port")
        told = [tuple(table.loc[port, ["address", "exposure"]]) for port in ports]
        assert told == [
            ("0.0.0.0%lo", "this machine only"),
            ("*", "every interface"),
            ("::", "IPv6 only"),
            ("0.0.0.0", "every interface"),
        ]


@needs_root
@pytest.mark.parametrize("source", SOURCES)
def test_a_listener_that_is_bound_to_another_interface_is_stored_so(db: Path, source: str) -> None:
    flags = ("--source", source, "--sample-interval", "0.3")
    with monitor(db, *flags), bound() as made:
        made.listen()
        port = port_of(made)
        expect_stored(db, port, ("", None, None))
        for interface, expected in ((b"lo", ("lo", "machine", None)), (b"", ("", None, None))):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface)
            expect_stored(db, port, expected)
        assert len(rows(db, "SELECT 1 FROM event WHERE port = ?", port)) == 1


@needs_linux
def test_under_psutil_neither_is_known_and_the_address_alone_speaks(db: Path) -> None:
    with monitor(db, "--source", "portable"), bound("0.0.0.0", "lo") as made:
        made.listen()
        port = port_of(made)
        expect_stored(db, port, (None, None, None))
        with open_reader(db) as reader:
            table = reader.open_now(Filters(ports=((port, port),)), 2**53)
    assert list(table["exposure"]) == ["every interface"]
    assert list(table["address"]) == ["0.0.0.0"]


@needs_root
@pytest.mark.parametrize("source", SOURCES)
def test_an_interface_of_another_namespace_has_the_name_that_it_has_there(
    db: Path, source: str
) -> None:
    if not shutil.which("ip"):
        pytest.skip("needs ip of iproute2 to make a network namespace")
    name = f"porteye-reach-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"no network namespace can be made here: {made.stderr.strip()}")
    script = (
        "import socket,sys; s=socket.socket();"
        "s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'inner'); s.bind(('0.0.0.0',0));"
        "s.listen(); print(s.getsockname()[1], flush=True); sys.stdin.read()"
    )
    try:
        rename = ["ip", "-n", name, "link", "set", "lo", "name", "inner"]
        subprocess.run(rename, check=True)
        with (
            monitor(db, "--source", source, "--sample-interval", "0.2"),
            subprocess.Popen(
                ["ip", "netns", "exec", name, sys.executable, "-c", script],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ) as opener,
        ):
            assert opener.stdout is not None
            assert opener.stdin is not None
            port = int(opener.stdout.readline())
            expect_stored(db, port, ("inner", "machine", None))
            opener.stdin.close()
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


def test_what_a_scan_cannot_tell_stays_as_it_was(db: Path, writer: Writer) -> None:
    known = placed(53, "0.0.0.0", LO, v6only=None)
    (life,) = writer.record_changes(SECOND, [Opening(known, SECOND, Precision.POLL)])
    blank = placed(53, "0.0.0.0", None, v6only=None)
    writer.record_changes(2 * SECOND, reowned=[(life, blank)])
    assert rows(db, STORED, 53) == [("lo", "machine", None)]
    freed = placed(53, "0.0.0.0", UNBOUND, v6only=None)
    writer.record_changes(3 * SECOND, reowned=[(life, freed)])
    assert rows(db, STORED, 53) == [("", None, None)]


def test_a_namespace_that_is_not_known_is_not_said_to_be_the_hosts(db: Path) -> None:
    with open_writer(db, replace(HOST, netns=7), 1) as writer:
        writer.begin_watch(SECOND, PLAN)
        for port, netns, address in (
            (1, 7, "0.0.0.0"),
            (2, 8, "0.0.0.0"),
            (3, None, "0.0.0.0"),
            (4, None, "127.0.0.1"),
        ):
            seen = owned(replace(endpoint(port, address=address), netns=netns), process(port))
            writer.record_changes(SECOND, [Opening(seen, SECOND, Precision.KERNEL)])
        with open_reader(db) as reader:
            table = reader.open_now(Filters(), 2 * SECOND)
    assert dict(zip(table["port"], table["exposure"], strict=True)) == {
        1: "every interface",
        2: "inside a container",
        3: "not known",
        4: "this machine only",
    }


def test_a_host_without_namespaces_leaves_nothing_open(db: Path, writer: Writer) -> None:
    writer.record_changes(
        SECOND, [Opening(owned(endpoint(1, address="::")), SECOND, Precision.POLL)]
    )
    with open_reader(db) as reader:
        assert list(reader.open_now(Filters(), 2 * SECOND)["exposure"]) == ["every interface"]


@pytest.fixture
def three(db: Path, writer: Writer) -> Path:
    """Three lives: on lo, of IPv6 alone, and one of which the source told nothing."""
    places = (
        placed(1, "0.0.0.0", LO, v6only=None),
        placed(2, "::", UNBOUND, v6only=True),
        placed(3, "::", None, v6only=None),
    )
    writer.record_changes(SECOND, [Opening(each, SECOND, Precision.KERNEL) for each in places])
    return db


def test_every_view_shows_the_place_as_ss_writes_it(three: Path) -> None:
    shown = ["0.0.0.0%lo", "::", "::"]
    with open_reader(three) as reader:
        history = reader.events(Filters()).sort_values("port")
        then = reader.open_at(Filters(), SECOND, MomentCoverage(None))
        timeline = timeline_of(reader, Filters(), 0, 2 * SECOND)
        assert timeline is not None
        bars = timeline.lives.sort_values("port")
        told = [str(each.bound) for each in reader.choices(9)]
    assert list(history["address"]) == list(then["address"]) == list(bars["address"]) == shown
    assert list(bars["exposure"]) == list(then["exposure"])
    assert list(then["exposure"]) == ["this machine only", "IPv6 only", "every interface"]
    assert told == ["0.0.0.0%lo", "[::]", "[::]"]


def test_api_and_exports_have_it_in_fields_of_their_own(three: Path) -> None:
    fields = ("port", "address", "interface", "v6only", "exposure")
    expected = [
        [1, "0.0.0.0", "lo", None, "this machine only"],
        [2, "::", "", True, "IPv6 only"],
        [3, "::", None, None, "every interface"],
    ]
    api = Starlette(routes=[Mount("/api", create_api(Config(db=three)))])
    with TestClient(api) as client:
        for path in ("/api/history", "/api/history.json"):
            answer = sorted(client.get(path).json(), key=lambda each: int(each["port"]))
            assert [[each[name] for name in fields] for each in answer] == expected
        table = csv.DictReader(io.StringIO(client.get("/api/history.csv").text))
        cells = sorted([row[name] for name in fields] for row in table)
    assert cells == [
        ["1", "0.0.0.0", "lo", "", "this machine only"],
        ["2", "::", "", "true", "IPv6 only"],
        ["3", "::", "", "", "every interface"],
    ]


def test_an_interface_whose_name_is_a_formula_is_harmless_in_a_spreadsheet(
    db: Path, writer: Writer
) -> None:
    odd = placed(1, "0.0.0.0", Interface("=1+1", InterfaceKind.NETWORK), v6only=None)
    writer.record_changes(SECOND, [Opening(odd, SECOND, Precision.KERNEL)])
    with TestClient(Starlette(routes=[Mount("/api", create_api(Config(db=db)))])) as client:
        (row,) = csv.DictReader(io.StringIO(client.get("/api/history.csv").text))
    assert row["interface"] == "'=1+1"


@pytest.mark.parametrize(
    ("was", "now", "change"),
    [
        ((LO, None), (UNBOUND, None), "became reachable"),
        ((UNBOUND, True), (UNBOUND, False), "changed exposure"),
        (
            (Interface("eth0", InterfaceKind.NETWORK), None),
            (Interface("eth1", InterfaceKind.NETWORK), None),
            "changed address",
        ),
        ((UNBOUND, False), (UNBOUND, False), "restarted"),
        ((None, None), (UNBOUND, False), "restarted"),
    ],
)
def test_a_program_that_comes_back_on_another_interface_has_changed_its_place(
    db: Path,
    writer: Writer,
    was: tuple[Interface | None, bool | None],
    now: tuple[Interface | None, bool | None],
    change: str,
) -> None:
    first, second = (placed(1, "::", each[0], v6only=each[1]) for each in (was, now))
    (life,) = writer.record_changes(SECOND, [Opening(first, SECOND, Precision.KERNEL)])
    writer.record_changes(
        3 * SECOND,
        [Opening(second, 3 * SECOND, Precision.KERNEL)],
        [Closing(life, 3 * SECOND, Precision.KERNEL)],
    )
    with open_reader(db) as reader:
        then, later = (
            compared_rows(reader._connection, Filters(), at, MomentCoverage(None))
            for at in (SECOND, 3 * SECOND)
        )
    assert [row["change"] for row in differences(then, later)] == [change]
