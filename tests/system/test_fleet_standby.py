"""A primary that is killed, and its synchronous standby: nothing that was acknowledged is lost."""

import random
import time
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from porteye_core.errors import FleetError
from porteye_core.store.file.connection import open_connection
from porteye_core.store.fleet.administration.migrations import migrate
from porteye_core.store.fleet.host_connection import open_host
from porteye_core.store.fleet.hosts import hosts
from porteye_core.store.fleet.many_hosts.reader import open_fleet
from porteye_core.store.fleet.server import connect
from porteye_core.store.fleet.shipping.local_rows import newest_event
from porteye_core.store.fleet.shipping.shipper import Shipper
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Writer
from tests.kit.fleet import Fleet, rows_at_home, rows_that_arrived, ship
from tests.kit.postgres import Cluster, cluster, needs_postgres
from tests.kit.seeding import seed
from tests.kit.values import HOST
from tests.kit.waiting import until
from tests.system.test_fleet_chaos import Churning

pytestmark = needs_postgres

BATCHES = 40


def test_a_promoted_standby_has_all_that_was_acknowledged(db: Path) -> None:
    draws = random.Random(2)
    with (
        cluster() as primary,
        cluster(of=primary) as standby,
        open_writer(db, HOST, 1) as writer,
    ):
        _make_synchronous(primary)
        with connect(primary.address) as server:
            migrate(server)
        login = Fleet(primary.address).enrol("web1")
        host = Churning(writer, draws)
        acknowledged = _ship_until_it_dies(db, login, host, primary, draws)
        _promote(standby)
        there = Fleet(standby.address)
        (stored,) = there.ask("SELECT events FROM stream")[0]
        assert acknowledged <= stored
        assert acknowledged > 0
        for _ in range(20):
            host.step()
        ship(db, make_conninfo(login, host=str(standby.folder)))
        assert rows_that_arrived(there) == rows_at_home(db)


def test_the_page_reads_from_a_standby(db: Path, writer: Writer) -> None:
    seed(writer, time.time_ns() // 1000)
    with cluster() as primary, cluster(of=primary) as standby:
        with connect(primary.address) as server:
            migrate(server)
        login = Fleet(primary.address).enrol("web1")
        ship(db, login)
        _catch_up(primary, standby)
        with open_fleet(standby.address) as reader:
            assert [each.name for each in hosts(reader.server)] == ["web1"]
        with open_host(standby.address, 1) as host:
            (events,) = host.execute("SELECT count(*) FROM event").fetchone()
        assert events == Fleet(primary.address).ask("SELECT count(*) FROM event")[0][0] > 0


def _catch_up(primary: Cluster, standby: Cluster) -> None:
    ((written,),) = Fleet(primary.address).ask("SELECT pg_current_wal_lsn()")
    replayed = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
    with psycopg.connect(standby.address, autocommit=True) as server:
        until(lambda: server.execute(replayed, (written,)).fetchone() == (True,), "it has all")


def _make_synchronous(primary: Cluster) -> None:
    with psycopg.connect(primary.address, autocommit=True) as server:
        server.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        server.execute("SELECT pg_reload_conf()")
        state = "SELECT sync_state FROM pg_stat_replication"
        until(lambda: server.execute(state).fetchall() == [("sync",)], "the standby is synchronous")


def _ship_until_it_dies(
    db: Path, login: str, host: Churning, primary: Cluster, draws: random.Random
) -> int:
    """Return the id of the newest event of which the server said that it has it."""
    acknowledged, dies_at = 0, draws.randrange(BATCHES // 2, BATCHES)
    with connect(login) as server:
        ships = Shipper(db, server)
        for batch in range(BATCHES):
            host.step()
            if batch == dies_at:
                primary.kill()
            with open_connection(db) as own:
                newest = newest_event(own)
            try:
                ships.ship()
            except FleetError:
                break
            acknowledged = newest
    return acknowledged


def _promote(standby: Cluster) -> None:
    with psycopg.connect(standby.address, autocommit=True) as server:
        assert server.execute("SELECT pg_promote()").fetchone() == (True,)
