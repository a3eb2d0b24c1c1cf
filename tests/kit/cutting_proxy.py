"""A proxy of a PostgreSQL server's Unix socket that cuts connections at random bytes."""

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_NAME = ".s.PGSQL.5432"
# A connection is cut after at most so many bytes: in the login, in a batch or in its answer.
_MOST = 200_000


class CuttingProxy:
    """Accepts at a folder's socket; `cut` counts the connections that it cut, while it `cuts`."""

    def __init__(self, folder: Path, behind: Path, draws: random.Random) -> None:
        self._behind, self._draws = behind / _NAME, draws
        self.cut, self.cuts = 0, True
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(folder / _NAME))
        self._socket.listen(64)
        self._ended = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while not self._ended:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(str(self._behind))
            except OSError:
                client.close()
                server.close()
                continue
            left = [self._draws.randrange(_MOST)]
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(one, other, left), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket, left: list[int]) -> None:
        with suppress(OSError):
            while data := one.recv(8192):
                if self.cuts and len(data) > left[0]:
                    other.sendall(data[: left[0]])
                    self.cut += 1
                    break
                left[0] -= len(data)
                other.sendall(data)
        for each in (one, other):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def close(self) -> None:
        """Accept nothing more."""
        self._ended = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


@contextmanager
def cutting_proxy(folder: Path, behind: Path, draws: random.Random) -> Iterator[CuttingProxy]:
    """A proxy that ends with the block."""
    proxy = CuttingProxy(folder, behind, draws)
    try:
        yield proxy
    finally:
        proxy.close()
