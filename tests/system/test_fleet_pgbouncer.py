"""Hosts and the page through a real PgBouncer, with fewer connections to the server than hosts."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from porteye_core.store.fleet.administration.enrolment import enrol, make_reader
from porteye_core.store.fleet.administration.migrations import migrate
from porteye_core.store.fleet.host_connection import open_host
from porteye_core.store.fleet.hosts import hosts
from porteye_core.store.fleet.many_hosts.reader import open_fleet
from porteye_core.store.fleet.server import connect
from porteye_core.store.fleet.shipping.shipper import Shipper
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Writer
from tests.kit.fleet import Fleet, rows_at_home, rows_that_arrived
from tests.kit.opener import address_of
from tests.kit.pgbouncer import PORT, needs_pgbouncer, pgbouncer
from tests.kit.postgres import Access, cluster, needs_postgres
from tests.kit.seeding import seed
from tests.kit.values import HOST, SECOND

pytestmark = [needs_postgres, needs_pgbouncer]

ADDRESS = address_of(os.getpid())  # of this process alone
NOW = 1_790_000_000 * SECOND
HOSTS = 6


@dataclass(frozen=True)
class Scene:
    fleet: Fleet
    mode: str

    def through(self, name: str) -> str:
        """The address of a host that reaches the server through PgBouncer."""
        with connect(self.fleet.address) as server:
            return enrol(server, name, f"host={ADDRESS} port={PORT} sslmode=disable")

    @property
    def connections(self) -> int:
        """The connections of hosts that the server has."""
        ((count,),) = self.fleet.ask(
            "SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'agent_%%'"
        )
        return int(count)


@pytest.fixture(params=["session", "transaction"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """Half as many connections as hosts where each transaction may have another, else as many."""
    access = Access(ADDRESS, ("host all all 127.0.0.0/8 scram-sha-256",))
    most = HOSTS // 2 if request.param == "transaction" else HOSTS + 2
    with cluster(access=access) as running:
        with connect(running.address) as server:
            migrate(server)
            server.execute("UPDATE fleet.setting SET kept_from = 0, keep = 1 << 60")
        with pgbouncer(running.address, ADDRESS, request.param, most):
            yield Scene(Fleet(running.address), request.param)


@contextmanager
def seeded(db: Path) -> Iterator[Writer]:
    with open_writer(db, HOST, 1) as writer:
        seed(writer, NOW)
        yield writer


def test_hosts_ship_by_turns_on_connections_that_stay(scene: Scene, tmp_path: Path) -> None:
    with ExitStack() as stack:
        shippers, dbs = [], []
        for number in range(1, HOSTS + 1):
            db = tmp_path / f"{number}.db"
            stack.enter_context(seeded(db))
            server = stack.enter_context(connect(scene.through(f"host-{number}")))
            shippers.append(Shipper(db, server))
            dbs.append(db)
        for _ in range(8):  # psycopg prepares what it has executed five times
            for each in shippers:
                each.ship()
        if scene.mode == "transaction":
            assert scene.connections <= HOSTS // 2
        for number, db in enumerate(dbs, 1):
            assert rows_that_arrived(scene.fleet, number) == rows_at_home(db)


def test_the_page_reads_the_fleet_and_a_host(scene: Scene, db: Path, writer: Writer) -> None:
    seed(writer, NOW)
    with connect(scene.through("web1")) as server:
        Shipper(db, server).ship()
    with connect(scene.fleet.address) as server:
        page = make_reader(server, "page", f"host={ADDRESS} port={PORT} sslmode=disable")
    for _ in range(8):
        with open_fleet(page) as reader:
            assert [each.name for each in hosts(reader.server)] == ["web1"]
        with open_host(page, 1) as host:
            assert host.execute("SELECT count(*) FROM event").fetchone()[0] > 0
