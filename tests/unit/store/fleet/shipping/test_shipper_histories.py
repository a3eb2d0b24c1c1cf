"""Each row arrives once, owners that are learnt later follow, and forks are told apart."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from porteye_core.containers import Container
from porteye_core.errors import FleetRefused, StoreMissing
from porteye_core.model import Listener, Precision, Tick
from porteye_core.store.file.backup import back_up
from porteye_core.store.fleet.server import connect
from porteye_core.store.fleet.shipping import local_rows, shipper
from porteye_core.store.fleet.shipping.shipper import Shipper
from porteye_core.store.retention.purge import Purge
from porteye_core.store.tables import revisions
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.fleet import Fleet, fleet, local, rows_at_home, rows_that_arrived, ship
from tests.kit.postgres import needs_postgres
from tests.kit.seeding import PLAN, seed
from tests.kit.stored import database_of
from tests.kit.values import HOST, SECOND, endpoint, owned, process

pytestmark = needs_postgres

NOW = 1_790_000_000 * SECOND
HOUR = 3600 * SECOND


@pytest.fixture(scope="module")
def running() -> Iterator[Fleet]:
    with fleet() as made:
        yield made


class Hosts:
    """Hosts that are enrolled one after the other; each test has a new one."""

    def __init__(self, of: Fleet) -> None:
        self.fleet = of
        self._count = len(of.ask("SELECT 1 FROM host"))

    def enrol(self) -> tuple[int, str]:
        """The number and the address of a new host."""
        self._count += 1
        return self._count, self.fleet.enrol(f"host-{self._count}")


@pytest.fixture
def hosts(running: Fleet) -> Hosts:
    return Hosts(running)


def opened(writer: Writer, port: int, at: int, *, has_owner: bool = True) -> Listener:
    seen = owned(endpoint(port), process(port) if has_owner else None)
    (listener,) = writer.record_changes(at, [Opening(seen, at, Precision.POLL)])
    return listener


def closed(writer: Writer, listener: Listener, at: int) -> None:
    writer.record_changes(at, closed=[Closing(listener, at, Precision.POLL)])


def arrived(of: Hosts, host: int) -> list[list[tuple[Any, ...]]]:
    return rows_that_arrived(of.fleet, host)


def test_a_history_arrives_row_by_row(hosts: Hosts, db: Path, writer: Writer) -> None:
    host, address = hosts.enrol()
    seed(writer, NOW)
    ship(db, address)
    assert arrived(hosts, host) == rows_at_home(db)
    assert all(arrived(hosts, host)[:3])


def test_to_ship_again_changes_nothing(hosts: Hosts, db: Path, writer: Writer) -> None:
    host, address = hosts.enrol()
    seed(writer, NOW)
    ship(db, address)
    before = arrived(hosts, host)
    ship(db, address)
    assert arrived(hosts, host) == before


def test_batches_end_where_they_may(
    hosts: Hosts, db: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lives whose two events are in different batches, and revisions in a later one than both."""
    host, address = hosts.enrol()
    monkeypatch.setattr(local_rows, "MAX_EVENTS", 3)
    monkeypatch.setattr(local_rows, "_MAX_REVISIONS", 2)
    writer.begin_watch(NOW, PLAN)
    lives = [opened(writer, 1000 + n, NOW + n * SECOND, has_owner=n % 2 == 0) for n in range(10)]
    learnt = [(each, owned(each.endpoint, process(7))) for each in lives[1::2]]
    writer.record_changes(NOW + 20 * SECOND, reowned=learnt)
    for each in lives[:5]:
        closed(writer, each, NOW + 30 * SECOND)
    ship(db, address)
    assert arrived(hosts, host) == rows_at_home(db)


def test_what_is_learnt_later_follows(hosts: Hosts, db: Path, writer: Writer) -> None:
    host, address = hosts.enrol()
    writer.begin_watch(NOW, PLAN)
    nobody = opened(writer, 80, NOW, has_owner=False)
    ship(db, address)
    assert arrived(hosts, host)[0][0][-1] is None
    owner = replace(process(7), container="docker:c0ffee", unit="web.service")
    seen = owned(endpoint(80), owner, holders=(owner, process(8)))
    writer.record_changes(NOW + SECOND, reowned=[(nobody, seen)])
    ship(db, address)
    assert arrived(hosts, host) == rows_at_home(db)
    writer.record_containers(NOW + SECOND, [Container("docker", "c0ffee", "shop-web-1", "nginx")])
    handed = owned(endpoint(80), process(9), holders=(process(9),))
    writer.record_changes(NOW + 2 * SECOND, reowned=[(nobody, handed)])
    ship(db, address)
    assert arrived(hosts, host) == rows_at_home(db)
    assert hosts.fleet.ask("SELECT container_name FROM container WHERE host_id = %s", host) == [
        ("shop-web-1",)
    ]


def test_who_missed_revisions_reads_every_open_listener(
    hosts: Hosts, db: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "KEPT", 2)
    host, address = hosts.enrol()
    writer.begin_watch(NOW, PLAN)
    lives = [opened(writer, 1000 + n, NOW + n, has_owner=False) for n in range(8)]
    ship(db, address)
    for n, each in enumerate(lives):
        learnt = owned(each.endpoint, process(100 + n))
        writer.record_changes(NOW + SECOND + n, reowned=[(each, learnt)])
    assert len(local(db, "SELECT 1 FROM revised")) == 2
    ship(db, address)
    assert arrived(hosts, host) == rows_at_home(db)


def test_ticks_with_a_gap_a_jump_or_a_loss_arrive_and_the_newest(
    hosts: Hosts, db: Path, writer: Writer
) -> None:
    host, address = hosts.enrol()
    writer.begin_watch(NOW, PLAN)
    for n, (gap, jump, lost) in enumerate([(0, 0, 0), (9, 0, 0), (0, -5, 0), (0, 0, 3), (0, 0, 3)]):
        at = NOW + n * SECOND
        writer.record_tick(Tick(at, at, 1, 0, 900, 0, lost, gap, jump), [])
        ship(db, address)
    ticks = "SELECT gap, jump, lost, is_newest FROM tick WHERE host_id = %s ORDER BY id"
    assert hosts.fleet.ask(ticks, host) == [
        (9, 0, 0, False),
        (0, -5, 0, False),
        (0, 0, 3, False),
        (0, 0, 3, True),
    ]


def test_a_watch_that_goes_on_is_no_news_until_the_next_beat(
    hosts: Hosts, db: Path, writer: Writer
) -> None:
    host, address = hosts.enrol()
    seed(writer, NOW)
    seen = "SELECT max(seen_at) FROM watch WHERE host_id = %s"
    with connect(address) as server:
        ships = Shipper(db, server)
        assert ships.ship(even_nothing=False).is_sent
        writer.record_tick(Tick(NOW + SECOND, 1, 1, 0, 900, 0), [])
        assert not ships.ship(even_nothing=False).is_sent
        assert hosts.fleet.ask(seen, host) == [(NOW,)]
        assert ships.ship().is_sent
    assert hosts.fleet.ask(seen, host) == [(NOW + SECOND,)]
    assert arrived(hosts, host) == rows_at_home(db)


def test_a_watch_that_begins_or_ends_is_news(hosts: Hosts, db: Path, writer: Writer) -> None:
    host, address = hosts.enrol()
    watches = "SELECT count(*), count(stopped_at) FROM watch WHERE host_id = %s"
    with connect(address) as server:
        ships = Shipper(db, server)
        ships.ship()
        writer.end_watch(NOW)
        assert ships.ship(even_nothing=False).is_sent
        assert hosts.fleet.ask(watches, host) == [(1, 1)]
        writer.begin_watch(NOW + SECOND, PLAN)
        assert ships.ship(even_nothing=False).is_sent
        assert hosts.fleet.ask(watches, host) == [(2, 1)]
        assert not ships.ship(even_nothing=False).is_sent


def test_a_shipper_that_breaks_off_leaves_nothing_and_its_next_batch_is_whole(
    hosts: Hosts, db: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, address = hosts.enrol()
    seed(writer, NOW)
    with connect(address) as server:
        ships = Shipper(db, server)
        fill = Shipper._fill

        def broken(self: Shipper, inbox: str, columns: str, rows: Any) -> None:
            fill(self, inbox, columns, rows)
            if inbox == "inbox_listener":
                raise OSError("the cable was pulled")

        monkeypatch.setattr(Shipper, "_fill", broken)
        with pytest.raises(OSError, match="cable"):
            ships.ship()
        assert hosts.fleet.ask("SELECT 1 FROM event WHERE host_id = %s", host) == []
        assert hosts.fleet.ask("SELECT 1 FROM inbox_listener") == []
        monkeypatch.setattr(Shipper, "_fill", fill)
        ships.ship()
    assert arrived(hosts, host) == rows_at_home(db)


def test_what_retention_dropped_before_it_was_shipped_is_counted(
    hosts: Hosts, db: Path, writer: Writer
) -> None:
    host, address = hosts.enrol()
    writer.begin_watch(NOW, PLAN)
    first = opened(writer, 80, NOW)
    ship(db, address)
    closed(writer, first, NOW + SECOND)
    for n in range(3):
        closed(writer, opened(writer, 90 + n, NOW + n * SECOND), NOW + (n + 1) * SECOND)
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for _ in Purge(connection).recent(NOW + 3 * SECOND):
            pass
    closed(writer, opened(writer, 100, NOW + 10 * SECOND), NOW + 20 * SECOND)
    ship(db, address)
    gone = 8 + 2 - len(local(db, "SELECT 1 FROM event")) - 1
    assert gone > 0
    assert hosts.fleet.ask("SELECT dropped FROM host WHERE host_id = %s", host) == [(gone,)]


def test_a_process_whose_number_another_one_got_keeps_its_lives(
    hosts: Hosts, db: Path, writer: Writer
) -> None:
    host, address = hosts.enrol()
    writer.begin_watch(NOW, PLAN)
    closed(writer, opened(writer, 80, NOW), NOW + SECOND)
    ship(db, address)
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for _ in Purge(connection).recent(NOW + HOUR):
            pass
        connection.execute("DELETE FROM process")
    database_of(writer)._undone()  # it has forgotten the process, as retention makes it
    opened(writer, 443, NOW + HOUR)
    assert local(db, "SELECT id, pid FROM process") == [(1, 443)]
    ship(db, address)
    pids = [(row[4], row[9]) for row in arrived(hosts, host)[1]]
    assert pids == [(80, 80), (443, 443)]


def test_a_life_whose_number_another_listener_got_keeps_its_events(
    hosts: Hosts, db: Path, tmp_path: Path
) -> None:
    """The number of the last life is free again once the host's retention has dropped it."""
    host, address = hosts.enrol()
    with open_writer(db, HOST, 1) as writer:
        writer.begin_watch(NOW, PLAN)
        closed(writer, opened(writer, 80, NOW), NOW + SECOND)
        ship(db, address)
    with closing(sqlite3.connect(db, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for _ in Purge(connection).recent(NOW + HOUR):
            pass
    with open_writer(db, HOST, 1) as writer:
        writer.begin_watch(NOW + HOUR, PLAN)
        assert opened(writer, 443, NOW + HOUR).id == 1
        ship(db, address)
    events, lives = arrived(hosts, host)[:2]
    assert [(row[0], row[5], row[9]) for row in events] == [
        (1, 80, "nginx -g daemon"),
        (2, 80, "nginx -g daemon"),
        (3, 443, "nginx -g daemon"),
    ]
    assert [(row[4], row[2] is None) for row in lives] == [(80, False), (443, True)]


def test_a_clone_passes_until_it_has_news_of_its_own(
    hosts: Hosts, db: Path, writer: Writer, tmp_path: Path
) -> None:
    host, address = hosts.enrol()
    seed(writer, NOW)
    ship(db, address)
    clone = tmp_path / "clone.db"
    back_up(db, clone)
    ship(clone, address)
    opened(writer, 4444, NOW + SECOND)
    with open_writer(clone, HOST, 1) as other:
        other.begin_watch(NOW + SECOND, PLAN)
        opened(other, 5555, NOW + 2 * SECOND)
    ship(db, address)
    before = arrived(hosts, host)
    with pytest.raises(FleetRefused, match="a clone of it ships, too"):
        ship(clone, address)
    assert arrived(hosts, host) == before == rows_at_home(db)
    other_host, other_address = hosts.enrol()
    ship(clone, other_address)
    assert arrived(hosts, other_host) == rows_at_home(clone)


def test_the_server_refuses_a_clone_whatever_the_agent_says(
    hosts: Hosts, db: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, address = hosts.enrol()
    seed(writer, NOW)
    ship(db, address)
    monkeypatch.setattr(shipper, "_same_history", lambda *_: b"another history")
    with pytest.raises(FleetRefused, match="Another writer ships this history"):
        ship(db, address)


def test_a_restored_backup_is_refused(
    hosts: Hosts, db: Path, writer: Writer, tmp_path: Path
) -> None:
    _, address = hosts.enrol()
    seed(writer, NOW)
    restored = tmp_path / "restored.db"
    back_up(db, restored)
    opened(writer, 4444, NOW + SECOND)
    ship(db, address)
    with pytest.raises(FleetRefused, match="restored from a backup"):
        ship(restored, address)


def test_a_new_database_of_a_host_is_another_epoch(
    hosts: Hosts, db: Path, writer: Writer, tmp_path: Path
) -> None:
    """What was open in the one before has closed, at the latest when that was last watched."""
    host, address = hosts.enrol()
    seed(writer, NOW)
    ship(db, address)
    anew = tmp_path / "anew.db"
    with open_writer(anew, HOST, 1) as other:
        other.begin_watch(NOW + HOUR, PLAN)
        opened(other, 80, NOW + HOUR)
    ship(anew, address)
    events = arrived(hosts, host)[0]
    assert [row[0] for row in events][-1] == (1 << 40) + 1
    assert events[:-1] == rows_at_home(db)[0]
    lives = hosts.fleet.ask(
        "SELECT count(*), min(closed_seen::text) FROM life WHERE host_id = %s AND closed_at = %s",
        host,
        NOW,
    )
    assert lives == [(4, "gap")]
    still = hosts.fleet.ask("SELECT id FROM open_listener WHERE host_id = %s", host)
    assert still == [((1 << 40) + 1,)]


def test_a_server_that_was_set_back_gets_again_what_it_lost(
    hosts: Hosts, db: Path, writer: Writer
) -> None:
    """As a standby that is promoted: its rows and its cursor are of one moment."""
    host, address = hosts.enrol()
    seed(writer, NOW)
    with connect(address) as server:
        ships = Shipper(db, server)
        ships.ship()
        before = _rows_of(hosts.fleet, host)
        later = opened(writer, 4444, NOW + SECOND)
        ships.ship()
        closed(writer, later, NOW + 2 * SECOND)
        ships.ship()
        _set_back(hosts.fleet, host, before)
        ships.ship()
    assert arrived(hosts, host) == rows_at_home(db)


_OF_A_HOST = ("stream", "event", "life", "open_listener", "process", "host_program", "turnover")
_ALL_OF_A_HOST = (*_OF_A_HOST, "activity", "watch", "machine", "tick", "further_holder", "former")


def _rows_of(of: Fleet, host: int) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: of.ask(f"SELECT to_jsonb(t)::text FROM {table} t WHERE host_id = %s", host)
        for table in _ALL_OF_A_HOST
    }


def _set_back(of: Fleet, host: int, rows: dict[str, list[tuple[Any, ...]]]) -> None:
    for table in _ALL_OF_A_HOST:
        of.ask(f"DELETE FROM {table} WHERE host_id = %s", host)
        for (row,) in rows[table]:
            of.ask(
                f"INSERT INTO {table}"
                f" SELECT * FROM jsonb_populate_record(NULL::{table}, %s::jsonb)",
                row,
            )


@pytest.mark.parametrize("years", [-80, 80])
def test_a_clock_that_is_decades_off_is_stored_as_it_is(
    hosts: Hosts, db: Path, writer: Writer, years: int
) -> None:
    host, address = hosts.enrol()
    at = max(1, NOW + years * 365 * 24 * HOUR)
    writer.begin_watch(at, PLAN)
    closed(writer, opened(writer, 80, at), at + SECOND)
    ship(db, address)
    assert arrived(hosts, host) == rows_at_home(db)


def test_the_skew_of_a_clock_is_told(
    hosts: Hosts, db: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, address = hosts.enrol()
    seed(writer, NOW)
    true = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: true() + HOUR * 1000)
    ship(db, address)
    ((skew,),) = hosts.fleet.ask("SELECT skew FROM host WHERE host_id = %s", host)
    assert HOUR - 60 * SECOND < skew <= HOUR


def test_an_agent_of_another_version_of_the_protocol_is_told(
    hosts: Hosts, db: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, address = hosts.enrol()
    seed(writer, NOW)
    monkeypatch.setattr(shipper, "PROTOCOL", 2)
    with pytest.raises(FleetRefused, match="does not speak version 2"):
        ship(db, address)


def test_an_old_agent_ships_to_a_server_with_new_columns(db: Path, writer: Writer) -> None:
    with fleet() as running:
        address = running.enrol("old")
        for table in ("event", "inbox_event", "open_listener", "host"):
            running.ask(f"ALTER TABLE {table} ADD COLUMN later text NOT NULL DEFAULT 'x'")
        seed(writer, NOW)
        ship(db, address)
        assert rows_that_arrived(running) == rows_at_home(db)


def test_before_the_fleet_is_made_the_sentence_says_so(
    running: Fleet, db: Path, writer: Writer
) -> None:
    seed(writer, NOW)
    with psycopg.connect(running.address, autocommit=True) as server:
        server.execute("CREATE DATABASE nothing")
    with pytest.raises(FleetRefused, match="porteye fleet init"):
        ship(db, running.address.replace("dbname=postgres", "dbname=nothing"))


def test_a_host_that_is_not_enrolled_is_told(running: Fleet, db: Path, writer: Writer) -> None:
    seed(writer, NOW)
    with pytest.raises(FleetRefused, match="porteye fleet enrol"):
        ship(db, running.address)


def test_without_a_database_there_is_nothing_to_ship(hosts: Hosts, tmp_path: Path) -> None:
    _, address = hosts.enrol()
    with pytest.raises(StoreMissing):
        ship(tmp_path / "none.db", address)


def test_texts_with_a_nul_arrive_without_it(hosts: Hosts, db: Path, writer: Writer) -> None:
    host, address = hosts.enrol()
    writer.begin_watch(NOW, PLAN)
    named = owned(endpoint(80), process(7, cmdline="a\0b"))
    writer.record_changes(NOW, [Opening(named, NOW, Precision.POLL)])
    ship(db, address)
    assert arrived(hosts, host)[0][0][-1] == "a\ufffdb"
