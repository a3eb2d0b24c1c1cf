"""Names from a runtime's socket: one that answers, and ones that hang, lie, flood and refuse."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from porteye_core.containers import Container
from porteye_core.owners.container_names import NoAnswerError
from porteye_core.owners.runtime_socket import RuntimeSocket
from tests.kit.fake_runtime import Answer, fake_runtime, listing, reply

ID, OTHER = "0123456789abcdef" * 4, "f" * 64
ASKED = Container("docker", ID)
# As Docker 27 answers; Podman 4.3.1 leaves the IP of a port out.
WEB: dict[str, Any] = {
    "Id": ID,
    "Names": ["/shop-web-1"],
    "Image": "nginx:1.27",
    "Ports": [
        {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"PrivatePort": 53, "PublicPort": 5353, "Type": "udp"},
        {"PrivatePort": 443, "Type": "tcp"},
    ],
    "Labels": {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"},
    "NetworkSettings": {"Networks": {"shop": {"IPAddress": "172.18.0.3", "GlobalIPv6Address": ""}}},
}
NAMED = Container(
    *("docker", ID, "shop-web-1", "nginx:1.27", "shop", "web"),
    published="[::]:8080->80/tcp 0.0.0.0:5353->53/udp",
    addresses="172.18.0.3",
)


def raw(content: bytes, status: str = "200 OK") -> Answer:
    return lambda connection, _: reply(connection, content, status)


def names(answer: Answer, seconds: float = 30.0) -> list[Container]:
    with fake_runtime(answer) as runtime:
        return RuntimeSocket(str(runtime.path), seconds).names([ASKED])


def test_the_runtime_is_asked_for_an_id_and_tells_its_names() -> None:
    with fake_runtime(listing(WEB)) as runtime:
        assert RuntimeSocket(str(runtime.path)).names([ASKED]) == [NAMED]
        assert runtime.asked == [[ID]]


def test_a_runtime_is_of_the_user_whose_its_socket_is(tmp_path: Path) -> None:
    with fake_runtime(listing(WEB)) as runtime:
        mine = RuntimeSocket(str(runtime.path))
        assert mine.is_of(os.getuid())
        assert not mine.is_of(os.getuid() + 1)
    assert not RuntimeSocket(str(tmp_path / "gone")).is_of(os.getuid())


def test_what_was_not_asked_for_is_ignored() -> None:
    assert names(raw(json.dumps([{**WEB, "Id": OTHER}, 7, {}]).encode())) == []


@pytest.mark.parametrize("lie", [7, [], {}, "x", None, [7], [None], {"a": []}, [[[]]]])
@pytest.mark.parametrize("field", ["Names", "Image", "Ports", "Labels", "NetworkSettings"])
def test_a_field_of_another_type_is_not_known(field: str, lie: Any) -> None:
    (found,) = names(raw(json.dumps([{**WEB, field: lie}]).encode()))
    assert found.runtime_id == ID


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"\xff", "no JSON"),
        (b'{"message": "no"}', "no list"),
        (b" " * 10_000_000, "larger than 512 KiB"),
    ],
)
def test_an_answer_that_is_no_list_of_containers_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(NoAnswerError, match=why):
        names(raw(content))


def test_a_status_that_is_not_200_is_no_answer() -> None:
    with pytest.raises(NoAnswerError, match="status 500"):
        names(raw(b"[]", "500 Internal Server Error"))


def test_an_answer_in_another_protocol_is_refused() -> None:
    with pytest.raises(NoAnswerError, match="no HTTP"):
        names(lambda connection, _: connection.sendall(b"SSH-2.0-x\r\n\r\n"))


def test_an_end_in_the_middle_of_an_answer_is_refused() -> None:
    with pytest.raises(NoAnswerError):
        names(
            lambda connection, _: connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n["
            )
        )


def test_a_runtime_that_says_nothing_has_its_seconds_and_no_more() -> None:
    def hang(connection: socket.socket, _: list[str]) -> None:
        connection.recv(1)  # until the other end closes

    with pytest.raises(NoAnswerError, match=r"within 0\.05 s"):
        names(hang, 0.05)


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_byte_now_and_then_gives_a_runtime_no_more_time(head: bytes) -> None:
    def drip(connection: socket.socket, _: list[str]) -> None:
        connection.sendall(head)
        connection.settimeout(0.01)
        while True:  # until the other end closes
            connection.sendall(b"x")
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                pass

    with pytest.raises(NoAnswerError, match=r"within 0\.3 s"):
        names(drip, 0.3)


@pytest.mark.parametrize("kind", ["nothing", "file", "nobody"])
def test_a_socket_that_is_not_there_is_no_answer(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "s"
    if kind == "file":
        path.touch()
    with socket.socket(socket.AF_UNIX) as bound:
        if kind == "nobody":
            bound.bind(str(path))  # and does not listen
        with pytest.raises(NoAnswerError, match=str(path)):
            RuntimeSocket(str(path)).names([ASKED])


def test_a_path_that_no_socket_can_have_is_no_answer() -> None:
    with pytest.raises(NoAnswerError):
        RuntimeSocket("/" + "x" * 200).names([ASKED])
