"""The socket of a container that the host's end of a published port leads to."""

from typing import Any

import pytest

from porteye_core.exposure import Namespace
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading.published import OPEN_ENDS, ends
from tests.kit.seeding import Instant

WEB, OTHER = "a" * 64, "b" * 64
HOST, INSIDE, ANOTHER = 1, 2, 3
Row = dict[str, Any]


def host_end(process: str, port: int = 8080, cmdline: str = "", **more: Any) -> Row:
    return {
        "protocol": "tcp",
        "port": port,
        "address": "0.0.0.0",
        "netns": HOST,
        "namespace": Namespace.OWN,
        "closed_at": None,
        "process": process,
        "cmdline": cmdline,
        "container": "",
        "published": None,
        "addresses": None,
        **more,
    }


def inside(
    port: int = 80, container: str = f"docker:{WEB}", netns: int = INSIDE, **more: Any
) -> Row:
    told = {"container": container, "published": "", "addresses": ""}
    return host_end("nginx", port) | told | {"namespace": Namespace.OTHER, "netns": netns} | more


def proxy(ip: str = "172.17.0.2", port: int = 80, host_port: int = 8080) -> Row:
    return host_end(
        "docker-proxy",
        host_port,
        f"/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port {host_port}"
        f" -container-ip {ip} -container-port {port}",
    )


def test_a_proxy_leads_to_the_only_container_on_its_port() -> None:
    assert ends([proxy(), inside(), inside(81)]) == {0: [1]}


def test_a_proxy_leads_to_each_socket_of_the_container_on_its_port() -> None:
    assert ends([inside(), proxy(), inside(address="::")]) == {1: [0, 2]}


def test_the_address_tells_two_containers_apart_that_listen_on_one_port() -> None:
    one = inside(addresses="172.17.0.2 fd00::2")
    two = inside(container=f"docker:{OTHER}", netns=ANOTHER, addresses="172.17.0.3")
    both = [proxy("172.17.0.2"), proxy("172.17.0.3", host_port=8081), one, two]
    assert ends(both) == {0: [2], 1: [3]}


@pytest.mark.parametrize("addresses", ["", "172.17.0.9"])
def test_a_proxy_claims_no_container_where_two_may_be_meant(addresses: str) -> None:
    twins = [inside(addresses=addresses), inside(container=f"docker:{OTHER}", netns=ANOTHER)]
    assert ends([proxy(), *twins]) == {}
    assert ends([proxy("172.17.0.2"), proxy("172.17.0.3", host_port=81), inside()]) == {}


def test_an_address_that_two_containers_had_claims_neither() -> None:
    one = inside(addresses="172.17.0.2")
    two = inside(container=f"docker:{OTHER}", netns=ANOTHER, addresses="172.17.0.2")
    assert ends([proxy(), one, two]) == {}


@pytest.mark.parametrize(
    "helper", ["dockerd", "rootlessport", "slirp4netns", "pasta", "pasta.avx2", "conmon"]
)
def test_what_the_runtime_says_it_published_joins_any_helper_s_socket(helper: str) -> None:
    told = "127.0.0.1:9000->90/tcp [::]:8080->80/tcp"
    rows = [host_end(helper), inside(published=told), inside(90, published=told)]
    assert ends(rows) == {0: [1]}


def test_a_published_port_of_another_protocol_is_another_port() -> None:
    assert ends([host_end("dockerd"), inside(published="0.0.0.0:8080->80/udp")]) == {}


def test_two_containers_that_published_one_port_are_not_joined() -> None:
    told = "0.0.0.0:8080->80/tcp"
    two = inside(container=f"docker:{OTHER}", netns=ANOTHER, published=told)
    assert ends([host_end("dockerd"), inside(published=told), two]) == {}


@pytest.mark.parametrize("flag", ["-c {}", "--cid {}", "--cid={}"])
def test_conmon_leads_to_the_only_port_of_its_container(flag: str) -> None:
    line = f"/usr/bin/conmon --api-version 1 {flag.format(WEB)} -u {WEB}"
    of = f"podman:{WEB}"
    assert ends([host_end("conmon", cmdline=line), inside(container=of)]) == {0: [1]}
    two_ports = [inside(container=of), inside(81, container=of)]
    assert ends([host_end("conmon", cmdline=line), *two_ports]) == {}
    assert ends([host_end("conmon", cmdline=line), inside(container=f"podman:{OTHER}")]) == {}


def test_what_has_closed_and_what_is_no_helper_is_not_joined() -> None:
    assert ends([{**proxy(), "closed_at": 5}, inside()]) == {}
    assert ends([proxy(), inside(closed_at=5)]) == {}
    assert ends([host_end("nginx", cmdline=proxy()["cmdline"]), inside()]) == {}
    assert ends([{**proxy(), "container": "docker:x"}, inside()]) == {}


def test_a_container_in_the_host_s_network_has_no_second_end() -> None:
    assert ends([proxy(), inside(namespace=Namespace.OWN, netns=HOST)]) == {}


@pytest.mark.parametrize("line", ["", "docker-proxy", "docker-proxy -container-port x -proto tcp"])
def test_a_proxy_that_hides_its_command_line_is_not_joined(line: str) -> None:
    assert ends([host_end("docker-proxy", cmdline=line), inside()]) == {}


def test_of_all_that_ever_listened_only_what_is_open_is_read(seeded: Instant) -> None:
    with open_connection(seeded.db) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {OPEN_ENDS.sql}", OPEN_ENDS.parameters)
        steps = [str(step["detail"]) for step in plan]
    assert "SCAN l USING INDEX listener_open" in steps
