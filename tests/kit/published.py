"""A watch of a published port: a docker-proxy on 8080, and nginx in a container on 80."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from porteye_core.containers import Container
from porteye_core.model import (
    AttributedSocket,
    Endpoint,
    Family,
    Precision,
    Process,
    ProcessKey,
    Program,
    Protocol,
    Socket,
)
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Opening, Writer
from tests.kit.seeding import PLAN
from tests.kit.values import HOST, SECOND

HOST_END, CONTAINER_END = 1, 2  # ids of their listeners
_ID = "0123456789abcdef" * 4
_OWN, _INSIDE = 4026531840, 4026532999
_PROXY = (
    "/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 8080 -container-ip 172.18.0.3"
    " -container-port 80"
)


@contextmanager
def watch_of_a_published_port(db: Path) -> Iterator[Writer]:
    """A watch that goes on until the end of the block."""
    at = time.time_ns() // 1000 - 60 * SECOND
    proxy = Process(ProcessKey(100, at), Program("docker-proxy", cmdline=_PROXY, user="root"))
    nginx = Program("nginx", cmdline="nginx -g daemon", user="www")
    web = Process(ProcessKey(300, at), nginx, container=f"docker:{_ID}")
    names = Container("docker", _ID, "shop-web-1", "nginx:1.27", "shop", "web")
    with open_writer(db, replace(HOST, netns=_OWN), at) as writer:
        writer.begin_watch(at, PLAN)
        both = _socket(8080, proxy, _OWN), _socket(80, web, _INSIDE)
        writer.record_changes(at, [Opening(each, at, Precision.KERNEL) for each in both])
        writer.record_containers(at, [names])
        writer.record_placed(time.time_ns() // 1000, [])  # it has watched until now
        yield writer


def _socket(port: int, process: Process, netns: int) -> AttributedSocket:
    place = Endpoint(Protocol.TCP, Family.IPV4, "0.0.0.0", port, netns)
    return AttributedSocket(Socket(place), process, (process,))
