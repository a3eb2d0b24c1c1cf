"""A fleet of several hosts with histories of their own, for questions over all of them."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from porteye_core.containers import Container
from porteye_core.fleet.service import ship_all
from porteye_core.model import (
    AttributedSocket,
    Hidden,
    Interface,
    Listener,
    Precision,
    Process,
    Tick,
)
from porteye_core.store.fleet.server import connect
from porteye_core.store.fleet.shipping.shipper import Shipper
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.fleet import Fleet, fleet
from tests.kit.seeding import PLAN
from tests.kit.values import HOST, SECOND, endpoint, owned, process

HOUR = 3600 * SECOND
DAY = 24 * HOUR
NAMES = ("alpha", "beta", "gamma", "delta")
_ADDRESSES = ("0.0.0.0", "127.0.0.1", "10.0.0.7", "::", "::1")
_PROGRAMS = (
    ("nginx", "nginx -g daemon"),
    ("sshd", "sshd -D"),
    ("python3", "python3 -m http.server"),
    ("Größe", "Größe --port"),
    ("100%_sure", "100%_sure"),
)
_USERS = ("www", "root", "größe")
_CONTAINER = Container("docker", "ab" * 32, container_name="shop-web", compose_service="Käse")
_HOMES = (("nginx.service", ""), ("Größe@1.service", ""), ("", f"docker:{'ab' * 32}"), ("", ""))
_PORTS = (22, 53, 80, 443, 3306, 8000, 8001, 40_000, 50_000)


@contextmanager
def many_hosts(lives: int = 60, binaries: Path | None = None) -> Iterator[tuple[Fleet, int]]:
    """The fleet, and the time at which its histories end."""
    now = time.time_ns() // 1000
    with fleet(binaries) as running, TemporaryDirectory() as folder:
        for number, name in enumerate(NAMES):
            db = Path(folder) / f"{name}.db"
            with open_writer(db, HOST, now - 50 * DAY) as writer:
                _live(writer, random.Random(number), now, lives, running.enrol(name), db)
        yield running, now


def _live(
    writer: Writer, chance: random.Random, now: int, lives: int, address: str, db: Path
) -> None:
    """A history that is shipped while it happens, with owners that are learnt later."""
    writer.begin_watch(now - 45 * DAY, PLAN)
    writer.record_containers(now - 45 * DAY, [_CONTAINER])
    open_now = list[Listener]()
    times = sorted(now - round(chance.uniform(0, 40 * DAY)) for _ in range(lives))
    with connect(address) as server:
        shipper = Shipper(db, server)
        for number, at in enumerate(times):
            owner = _owner(chance)
            where = endpoint(
                chance.choice(_PORTS), chance.choice(("tcp", "udp")), chance.choice(_ADDRESSES)
            )
            seen = owned(where, owner if chance.random() < 0.8 else None)
            seen = _with_particulars(seen, chance)
            (born,) = writer.record_changes(at, [Opening(seen, at, Precision.POLL)])
            if seen.owner is None and chance.random() < 0.5:
                writer.record_changes(at + 1, reowned=[(born, owned(where, owner))])
            open_now.append(born)
            while len(open_now) > 8:
                _close(writer, open_now, chance, at)
            if number % 25 == 0:
                ship_all(shipper)
        writer.record_tick(Tick(now, now, len(open_now), 0, 900, 0), [])
        ship_all(shipper)


def _close(writer: Writer, lives: list[Listener], chance: random.Random, at: int) -> None:
    gone = lives.pop(chance.randrange(len(lives)))
    closed = max(gone.opened_at, at + round(chance.uniform(0, SECOND)))
    writer.record_changes(closed, closed=[Closing(gone, closed, Precision.POLL)])


def _owner(chance: random.Random) -> Process:
    name, cmdline = chance.choice(_PROGRAMS)
    found = process(chance.randrange(100, 9999), 5, name, cmdline)
    program = replace(found.program, user=chance.choice(_USERS))
    unit, container = chance.choice(_HOMES)
    return replace(found, program=program, unit=unit, container=container)


def _with_particulars(seen: AttributedSocket, chance: random.Random) -> AttributedSocket:
    """The socket with the user and the reason of one without owner, and what its address means."""
    is_dual = chance.choice((True, False)) if seen.socket.endpoint.address == "::" else None
    interface = Interface("eth0") if chance.random() < 0.2 else None
    socket = replace(seen.socket, v6only=is_dual, interface=interface)
    if seen.owner:
        return replace(seen, socket=socket)
    return replace(
        seen, socket=socket, hidden=chance.choice(tuple(Hidden)), user=chance.choice(_USERS)
    )
