"""A server of Python on a port that the test holds."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kit.processes import bound, end

# http.server takes no port that the test holds.
_SHARING = """
import http.server, sys
http.server.ThreadingHTTPServer.allow_reuse_port = True
address = sys.argv[1], int(sys.argv[2])
http.server.ThreadingHTTPServer(address, http.server.SimpleHTTPRequestHandler).serve_forever()
"""


@contextmanager
def held_port(first: int = 18_000) -> Iterator[int]:
    """A port outside the ephemeral range that nobody else can take but this user's programs."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        for port in range(first, first + 500):
            try:
                # Another run of the tests may hold it in the same way, which this shows.
                with socket.socket() as alone:
                    alone.bind(("0.0.0.0", port))
                held.bind(("0.0.0.0", port))
            except OSError:
                continue
            yield port
            return
    raise AssertionError("every port is taken")


@contextmanager
def web_server(folder: Path, address: str, port: int) -> Iterator[int]:
    """A server of Python that listens on a port which the test holds, too; yields its pid."""
    script = folder / "shop.py"
    script.write_text(_SHARING)
    process = subprocess.Popen(
        bound(sys.executable, str(script), address, str(port)), stderr=subprocess.DEVNULL
    )
    try:
        yield process.pid
    finally:
        end(process)
