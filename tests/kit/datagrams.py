"""A socket that receives datagrams of systemd's protocols."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def receiver(path: Path) -> Iterator[socket.socket]:
    """Receive what is sent to this path; a message that does not come within 10 s is an error."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiving:
        receiving.bind(str(path))
        receiving.settimeout(10)
        yield receiving
