"""One row for each service: which sockets are one, and what the row says of them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from porteye_core.model import (
    AttributedSocket,
    Endpoint,
    Family,
    Filters,
    Hidden,
    Listener,
    Precision,
    Process,
    ProcessKey,
    Program,
    Protocol,
    Sample,
    Socket,
    Tick,
)
from porteye_core.store.reading import open_reader
from porteye_core.store.reading.service_rows import by_service, by_socket
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening
from tests.kit.opener import Opener
from tests.kit.seeding import PLAN
from tests.kit.service import run_service
from tests.kit.values import HOST, SECOND

START = 20_000 * 86_400 * SECOND
NOW = START + 600 * SECOND
OWN, INSIDE, OTHER = 4026531840, 4026532999, 4026533111
Row = dict[Any, Any]
Services = Callable[..., list[Row]]


def at(port: int, protocol: str = "tcp", address: str = "0.0.0.0", netns: int = OWN) -> Endpoint:
    family = Family.IPV6 if ":" in address else Family.IPV4
    return Endpoint(Protocol(protocol), family, address, port, netns)


def program(
    pid: int, cmdline: str, user: str = "www", unit: str = "", container: str = "", cwd: str = ""
) -> Process:
    name = cmdline.split(maxsplit=1)[0]
    found = Program(name, f"/usr/bin/{name}", user, cmdline)
    return Process(ProcessKey(pid, pid), found, (), unit, container, cwd)


def held(place: Endpoint, owner: Process) -> AttributedSocket:
    return AttributedSocket(Socket(place), owner, (owner,))


def nobodys(place: Endpoint, user: str = "root") -> AttributedSocket:
    return AttributedSocket(Socket(place), hidden=Hidden.PRIVILEGE, user=user)


def proxy(pid: int, address: str, port: int, to: str) -> AttributedSocket:
    ip, _, inner = to.partition(":")
    words = f"-proto tcp -host-ip {address} -host-port {port}"
    line = f"docker-proxy {words} -container-ip {ip} -container-port {inner}"
    return held(at(port, address=address), program(pid, line, "root", unit="docker.service"))


@pytest.fixture
def services(db: Path) -> Services:
    """The rows of sockets that opened one second after another; samples, closed, seen: by their
    places."""

    def read(
        sockets: Sequence[AttributedSocket],
        samples: dict[int, dict[str, int]] | None = None,
        closed: Sequence[int] = (),
        seen: Sequence[Precision] = (),
    ) -> list[Row]:
        with open_writer(db, replace(HOST, netns=OWN), START) as writer:
            writer.begin_watch(START, PLAN)
            born = list[Listener]()
            for place, each in enumerate(sockets):
                precision = seen[place] if place < len(seen) else Precision.KERNEL
                when = START + place * SECOND
                born += writer.record_changes(when, [Opening(each, when, precision)])
            found = [Sample(born[place].id, **each) for place, each in (samples or {}).items()]
            writer.record_tick(Tick(NOW, NOW, len(born), 0, 1, 0), found)
            for place in closed:
                writer.record_changes(NOW, closed=[Closing(born[place], NOW, Precision.KERNEL)])
            with open_reader(db) as reader:
                table = by_service(reader.open_now(Filters(), NOW, START))
        rows: list[Row] = table.to_dict("records")
        return rows

    return read


def test_ipv4_and_ipv6_of_one_process_are_one_row(services: Services) -> None:
    nginx = program(100, "nginx -g daemon")
    (row,) = services([held(at(80), nginx), held(at(80, address="::"), nginx)])
    assert (row["port"], row["protocol"], row["address"]) == (80, "tcp", "0.0.0.0, ::")
    assert row["listeners"] == [1, 2]
    assert row["exposure"] == ["every interface"]


def test_tcp_and_udp_of_one_process_are_one_row(services: Services) -> None:
    dns = program(100, "dnsmasq")
    (row,) = services([held(at(53, "udp"), dns), held(at(53), dns)])
    assert row["protocol"] == "tcp/udp"
    assert row["address"] == "0.0.0.0"


def test_ports_of_one_process_stay_apart(services: Services) -> None:
    nginx = program(100, "nginx")
    assert [row["port"] for row in services([held(at(443), nginx), held(at(80), nginx)])] == [
        80,
        443,
    ]


def test_workers_that_share_a_port_are_one_row_with_the_use_of_all(services: Services) -> None:
    workers = [program(pid, f"worker --number {pid}") for pid in (100, 101, 102)]
    use = {place: {"cpu": 150, "rss": 10_000_000} for place in range(3)}
    (row,) = services([held(at(8000), each) for each in workers], use)
    assert len(row["listeners"]) == 3
    assert (row["cpu"], row["rss"]) == (4.5, 30_000_000)


def test_what_a_process_uses_counts_once_however_many_sockets_it_has(services: Services) -> None:
    nginx = program(100, "nginx")
    use = {place: {"cpu": 150, "rss": 10_000_000, "clients": 4} for place in range(2)}
    (row,) = services([held(at(80), nginx), held(at(80, address="::"), nginx)], use)
    assert (row["cpu"], row["rss"], row["clients"]) == (1.5, 10_000_000, 8)


def test_two_programs_on_one_port_stay_apart(services: Services) -> None:
    rows = services(
        [
            held(at(53, address="127.0.0.53"), program(100, "resolved")),
            held(at(53, address="127.0.0.1"), program(200, "dnsmasq")),
        ]
    )
    assert [row["process"] for row in rows] == ["resolved", "dnsmasq"]


@pytest.mark.parametrize("part", ["user", "unit", "cwd"])
def test_a_program_of_another_user_unit_or_folder_is_another_service(
    services: Services, part: str
) -> None:
    one, other = (
        program(pid, "node server.js", **{part: each}) for pid, each in ((1, "a"), (2, "b"))
    )
    found = services(
        [held(at(3000, address="127.0.0.1"), one), held(at(3000, address="::1"), other)]
    )
    assert len(found) == 2


def test_one_program_in_two_network_namespaces_is_two_services(services: Services) -> None:
    redis = program(100, "redis")
    found = services([held(at(6379), redis), held(at(6379, netns=INSIDE), redis)])
    assert [row["exposure"] for row in found] == [["every interface"], ["inside a container"]]


def test_the_socket_that_most_hosts_reach_stands_for_its_service(services: Services) -> None:
    app = program(100, "app")
    (row,) = services(
        [held(at(80, address="127.0.0.1"), app), held(at(80, address="10.0.0.5"), app)]
    )
    assert row["id"] == 2
    assert row["listeners"] == [2, 1]
    assert row["exposure"] == ["one network", "this machine only"]
    assert row["address"] == "10.0.0.5, 127.0.0.1"


def test_a_full_queue_is_told_beside_an_empty_one(services: Services) -> None:
    app = program(100, "app")
    queues = {0: {"queue": 0, "backlog": 511}, 1: {"queue": 5, "backlog": 4}}
    (row,) = services([held(at(80), app), held(at(80, address="::"), app)], queues)
    assert (row["queue"], row["backlog"]) == (5, 4)


def test_hidden_owners_are_one_row_if_all_that_is_known_agrees(services: Services) -> None:
    both = [nobodys(at(22)), nobodys(at(22, address="::"))]
    rows = services([*both, nobodys(at(22, address="127.0.0.1")), nobodys(at(23), "mail")])
    assert [row["listeners"] for row in rows] == [[1, 2], [3], [4]]
    assert {row["hidden"] for row in rows} == {"privilege"}


def test_what_closed_is_a_row_beside_what_came_in_its_place(services: Services) -> None:
    old, new = program(100, "app"), program(200, "app")
    rows = services([held(at(80), old), held(at(80), new)], closed=[0])
    assert [(row["listeners"], row["closed"]) for row in rows] == [([1], True), ([2], False)]


def test_the_first_opening_is_the_service_s_and_the_last_that_was_seen_is_kept(
    services: Services,
) -> None:
    app = program(100, "app")
    both = [held(at(80), app), held(at(80, address="::"), app)]
    (row,) = services(both, seen=[Precision.GAP, Precision.KERNEL])
    assert row["opened_seen"] == "gap"
    assert int(row["since"].timestamp() * SECOND) == START
    assert int(row["latest"].timestamp() * SECOND) == START + SECOND


def test_nothing_is_said_to_be_seen_opening_that_was_there_before(services: Services) -> None:
    (row,) = services([held(at(80), program(100, "app"))], seen=[Precision.GAP])
    assert row["latest"] is None or row["latest"] != row["latest"]


def test_a_published_port_is_the_container_s_program_with_the_proxy_s_addresses(
    services: Services,
) -> None:
    web = program(300, "node server.js", container="docker:abc")
    sockets = [
        proxy(100, "0.0.0.0", 8080, "172.17.0.2:3000"),
        proxy(101, "::", 8080, "172.17.0.2:3000"),
        held(at(3000, netns=INSIDE), web),
    ]
    (row,) = services(sockets)
    assert (row["port"], row["process"], row["home"]) == (8080, "server.js (node)", "docker:abc")
    assert (row["address"], row["exposure"]) == ("0.0.0.0, ::", ["every interface"])
    assert row["listeners"] == [1, 2, 3]


@pytest.mark.parametrize("to", ["172.17.0.2:3000", "172.17.0.3:3000"])
def test_a_published_port_claims_no_container_where_two_may_be_meant(
    services: Services, to: str
) -> None:
    one, other = (program(pid, "node x.js", container=f"docker:{pid}") for pid in (300, 301))
    sockets = [proxy(100, "0.0.0.0", 8080, to), held(at(3000, netns=INSIDE), one)]
    twins = [*sockets, held(at(3000, netns=OTHER), other)]
    assert len(services(twins)) == 3


def test_a_service_can_be_opened_into_its_sockets(db: Path) -> None:
    with open_writer(db, HOST, START) as writer:
        writer.begin_watch(START, PLAN)
        nginx = program(100, "nginx")
        both = [held(at(80), nginx), held(at(80, address="::"), nginx)]
        writer.record_changes(START, [Opening(each, START, Precision.KERNEL) for each in both])
        with open_reader(db) as reader:
            table = by_socket(reader.open_now(Filters(), NOW))
    assert table["listeners"].tolist() == [[1], [2]]
    assert table["address"].tolist() == ["0.0.0.0", "::"]
    assert table["exposure"].tolist() == [["every interface"]] * 2


def test_no_sockets_are_no_services(services: Services) -> None:
    assert services([]) == []


def test_real_sockets_of_two_processes_are_as_many_services(db: Path) -> None:
    with Opener() as one, Opener() as other:
        port = one.listen("ipv4", "tcp", 0, "reuse")
        one.listen("ipv6", "tcp", port)
        one.listen("ipv4", "udp", port)
        other.listen("ipv4", "tcp", port, "reuse")
        alone = other.listen()
        done = run_service("--once", "--db", str(db), "--source", "sock_diag")
        assert done.returncode == 0, done.stderr
        with open_reader(db) as reader:
            table = reader.open_now(Filters(ports=((port, port), (alone, alone))), NOW)
    found = {row["port"]: row for row in by_service(table).to_dict("records")}
    assert set(found) == {port, alone}
    assert len(found[port]["listeners"]) == 4
    assert found[port]["protocol"] == "tcp/udp"
    assert found[port]["address"] == "127.0.0.1, ::1"
    assert found[alone]["pid"] == other.pid
