"""A container runtime at a Unix socket that answers each question as a test says."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = Callable[[socket.socket, list[str]], None]


class FakeRuntime:
    """Its path, and the ids of each question that it got."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: list[list[str]] = []


@contextmanager
def fake_runtime(answer: Answer) -> Iterator[FakeRuntime]:
    """Run one until the end of the block; `answer` writes to the connection of a question for
    these ids."""
    with TemporaryDirectory(prefix="porteye-") as folder, socket.socket(socket.AF_UNIX) as server:
        runtime = FakeRuntime(Path(folder) / "runtime.sock")
        server.bind(str(runtime.path))
        server.listen()
        thread = threading.Thread(target=_serve, args=(server, runtime, answer))
        thread.start()
        try:
            yield runtime
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(server: socket.socket, runtime: FakeRuntime, answer: Answer) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:  # the test is over
            return
        with connection, suppress(OSError), connection.makefile("rb") as lines:
            path = lines.readline().split()[1].decode()
            while lines.readline().strip():
                pass
            filters = json.loads(parse_qs(urlsplit(path).query)["filters"][0])
            runtime.asked.append(filters["id"])
            answer(connection, filters["id"])


def reply(connection: socket.socket, body: bytes, status: str = "200 OK") -> None:
    """Write a whole answer of HTTP."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)


def listing(*containers: dict[str, Any]) -> Answer:
    """The answer that lists those of these containers that are asked for."""

    def answer(connection: socket.socket, ids: Sequence[str]) -> None:
        found = [each for each in containers if each["Id"] in ids]
        reply(connection, json.dumps(found).encode())

    return answer
