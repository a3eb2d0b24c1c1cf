"""Hosts that all lose their connections, because the server was killed, and come back."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.postgres_server import Cluster
from porteye_core.errors import FleetError
from porteye_core.fleet.service import wait_after
from porteye_core.store.fleet.administration.enrolment import enrol
from porteye_core.store.fleet.server import connect
from porteye_core.store.fleet.shipping.shipper import Shipper

_STACK = 512 << 10  # of a thread, of which there is one for each host


@dataclass(slots=True)
class Storm:
    """What happened; back: seconds from the server's first answer until each host had shipped;
    refused: connections that were refused or broken; away: seconds until the server answered."""

    back: list[float] = field(default_factory=list)
    refused: int = 0
    away: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, at: float | None) -> None:
        """Note when a host was back, or that it was not."""
        with self._lock:
            if at is None:
                self.refused += 1
            else:
                self.back.append(at)


def storm(running: Cluster, address: str, db: Path, hosts: int) -> Storm:
    """Connect hosts over TCP, kill the server, start it, and wait until each has shipped again."""
    with connect(running.address) as server:
        logins = [enrol(server, f"storm-{n}", address) for n in range(hosts)]
    found = Storm()
    shipped = threading.Barrier(hosts + 1)
    killed = threading.Event()
    threads = [
        threading.Thread(target=_host, args=(login, db, shipped, killed, found), daemon=True)
        for login in logins
    ]
    before = threading.stack_size(_STACK)
    for each in threads:
        each.start()
    threading.stack_size(before)
    shipped.wait()
    running.kill()
    killed.set()
    began = time.monotonic()
    running.start()
    answers = time.monotonic()
    for each in threads:
        each.join()
    found.away = answers - began
    found.back = [at - answers for at in found.back]
    return found


def _host(
    login: str, db: Path, shipped: threading.Barrier, killed: threading.Event, found: Storm
) -> None:
    """Ship, wait until the server was killed, and ship again with the patience of the service."""
    failures = 0
    is_first = True
    while True:
        try:
            with connect(login) as server:
                shipper = Shipper(db, server)
                shipper.ship()
                if not is_first:
                    found.note(time.monotonic())
                    return
                is_first = False
                shipped.wait()
                killed.wait()
                shipper.ship()
        except FleetError:
            failures += 1
            if not is_first:
                found.note(None)
            time.sleep(wait_after(failures))
