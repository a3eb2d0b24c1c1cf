"""A real nginx, with the configurations of docs/proxy.md."""

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kit.processes import bound, end
from tests.kit.service import PROJECT
from tests.kit.waiting import until

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="no nginx is installed")

# One process, which ends with its parent's signal and writes below its own folder.
_AROUND = """
daemon off;
master_process off;
worker_rlimit_nofile 512;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {blocks}
}}
"""


def documented() -> tuple[str, str, str, str]:
    """The blocks of the document: map, a host of its own, a path passed on, a path taken off."""
    text = (PROJECT / "docs" / "proxy.md").read_text()
    found = re.findall(r"```nginx\n(.*?)```", text, re.DOTALL)
    upgrade, host, passed_on, taken_off = found
    return upgrade, host, passed_on, taken_off


@contextmanager
def nginx(folder: Path, *blocks: str) -> Iterator[int]:
    """nginx with these blocks in `http`, `{{port}}` in which is where it listens; yields that."""
    with socket.socket() as held:
        # It is held until nginx has bound it too.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        with nginx_on(port, folder, *blocks):
            yield port


@contextmanager
def nginx_on(port: int, folder: Path, *blocks: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The same on a port that the test holds with SO_REUSEPORT; yields the process."""
    assert NGINX is not None
    file = folder / "nginx.conf"
    filled = "\n".join(blocks).replace("{{port}}", f"127.0.0.1:{port} reuseport")
    file.write_text(_AROUND.format(folder=folder, blocks=filled))
    process = subprocess.Popen(
        bound(NGINX, "-c", str(file), "-p", str(folder), "-e", str(folder / "error.log"))
    )
    try:
        until(lambda: _listens(process, port, folder), "nginx listens")
        yield process
    finally:
        end(process)


def _listens(process: "subprocess.Popen[bytes]", port: int, folder: Path) -> bool:
    assert process.poll() is None, (folder / "error.log").read_text()
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
