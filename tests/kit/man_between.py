"""Somebody between a host and its server: ends TLS by a certificate of his own, and passes on."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.kit.certificates import Certificate

# What a client of PostgreSQL sends first, and what a server answers that has TLS.
_WANTS_TLS, _HAS_TLS = b"\x00\x00\x00\x08\x04\xd2\x16\x2f", b"S"


@contextmanager
def man_between(host: str, port: int, certificate: Certificate) -> Iterator[int]:
    """The port at this address where he takes connections, until the block ends."""
    with socket.create_server((host, 0)) as listening:
        threading.Thread(
            target=_accept, args=(listening, (host, port), certificate), daemon=True
        ).start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, behind: tuple[str, int], certificate: Certificate) -> None:
    with suppress(OSError):
        while True:
            client, _ = listening.accept()
            threading.Thread(
                target=_stand_between, args=(client, behind, certificate), daemon=True
            ).start()


def _stand_between(client: socket.socket, behind: tuple[str, int], own: Certificate) -> None:
    believing = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    believing.check_hostname = False
    believing.verify_mode = ssl.CERT_NONE
    with client, socket.create_connection(behind) as server, suppress(OSError):
        assert client.recv(8) == _WANTS_TLS
        client.sendall(_HAS_TLS)
        server.sendall(_WANTS_TLS)
        assert server.recv(1) == _HAS_TLS
        with (
            own.server.wrap_socket(client, server_side=True) as one,
            believing.wrap_socket(server) as other,
        ):
            back = threading.Thread(target=_pass, args=(other, one), daemon=True)
            back.start()
            _pass(one, other)
            back.join()


def _pass(one: ssl.SSLSocket, other: ssl.SSLSocket) -> None:
    with suppress(OSError):
        while data := one.recv(8192):
            other.sendall(data)
    for each in (one, other):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
