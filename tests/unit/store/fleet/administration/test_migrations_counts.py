"""Counts over all hosts are what their rows add up to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from porteye_core.model import Listener, Precision
from porteye_core.store.fleet.administration import migrations, retention
from porteye_core.store.fleet.administration.migrations import migrate
from porteye_core.store.fleet.server import connect
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.fleet import Fleet, fleet, ship
from tests.kit.many_hosts import DAY, HOUR, many_hosts
from tests.kit.postgres import cluster, needs_postgres
from tests.kit.seeding import PLAN, seed
from tests.kit.values import HOST, SECOND, endpoint, owned, process

pytestmark = needs_postgres

NOW = 1_790_000_000 * SECOND
_HOURS = """SELECT at - at % 3600000000, count(*) FILTER (WHERE kind = 'opened'),
    count(*) FILTER (WHERE kind = 'closed') FROM event GROUP BY 1 ORDER BY 1"""
_COUNTED_HOURS = """SELECT bucket, sum(opened), sum(closed) FROM fleet_turnover
    GROUP BY 1 ORDER BY 1"""
_PORTS = """SELECT at - at % 86400000000, least(port, 32768), protocol,
    count(*) FILTER (WHERE kind = 'opened'), count(*) FILTER (WHERE kind = 'closed')
    FROM event GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""
_COUNTED_PORTS = """SELECT bucket, port, protocol, sum(opened), sum(closed) FROM fleet_port_turnover
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"""
_FIRST = """SELECT DISTINCT ON (port, protocol) port, protocol, at, host_id FROM event
    WHERE kind = 'opened' ORDER BY port, protocol, at, host_id"""
_COUNTED_FIRST = "SELECT port, protocol, at, host_id FROM fleet_first ORDER BY port, protocol"
_LISTENERS = "SELECT host_id, count(*) FROM open_listener GROUP BY 1 ORDER BY 1"
_COUNTED_LISTENERS = "SELECT host_id, listeners FROM host WHERE listeners > 0 ORDER BY 1"
_SERVICES = """SELECT l.port, l.protocol, coalesce(g.title, ''), l.exposure::text,
    count(DISTINCT l.host_id), count(*), min(l.opened_at)
    FROM open_listener l JOIN host h ON h.host_id = l.host_id AND h.retired_at IS NULL
    LEFT JOIN program g ON g.id = l.program_id GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"""
_COUNTED_SERVICES = """SELECT port, protocol, program, exposure::text, hosts, listeners, since
    FROM fleet_service ORDER BY 1, 2, 3, 4"""
_ADDRESSES = """SELECT host_id, address, max(at - at % 86400000000) FROM event GROUP BY 1, 2
    ORDER BY 1, 2"""
_COUNTED_ADDRESSES = "SELECT host_id, address, day FROM host_address ORDER BY 1, 2"
COUNTS = {
    "openings by hour": (_COUNTED_HOURS, _HOURS),
    "openings by port": (_COUNTED_PORTS, _PORTS),
    "first openings": (_COUNTED_FIRST, _FIRST),
    "open listeners": (_COUNTED_LISTENERS, _LISTENERS),
    "addresses": (_COUNTED_ADDRESSES, _ADDRESSES),
    "open services": (_COUNTED_SERVICES, _SERVICES),
}


def counted(of: Fleet) -> dict[str, list[tuple[Any, ...]]]:
    return {what: of.ask(counts) for what, (counts, _) in COUNTS.items()}


def added_up(of: Fleet) -> dict[str, list[tuple[Any, ...]]]:
    return {what: of.ask(rows) for what, (_, rows) in COUNTS.items()}


@pytest.fixture(scope="module")
def several() -> Iterator[Fleet]:
    with many_hosts() as (running, _):
        yield running


@pytest.fixture
def running() -> Iterator[Fleet]:
    with fleet() as made:
        yield made


def opened(writer: Writer, port: int, at: int) -> Listener:
    (born,) = writer.record_changes(
        at, [Opening(owned(endpoint(port), process(port)), at, Precision.POLL)]
    )
    return born


def test_counts_are_what_the_rows_add_up_to(several: Fleet) -> None:
    assert counted(several) == added_up(several)
    assert all(counted(several).values())


def test_hosts_count_in_slots_of_their_own_until_the_day_is_over(several: Fleet) -> None:
    before = counted(several)
    assert len(several.ask("SELECT DISTINCT slot FROM fleet_turnover")) == 4
    with connect(several.address) as server:
        retention.tidy(server)
        retention.tidy(server)
    assert counted(several) == before
    today = "(SELECT now_us() - now_us() % 86400000000)"
    for table in ("fleet_turnover", "fleet_port_turnover"):
        slots = several.ask(f"SELECT DISTINCT slot FROM {table} WHERE bucket < {today}")
        assert slots == [(16,)]


def test_what_is_shipped_of_a_day_that_was_merged_counts(
    running: Fleet, db: Path, writer: Writer
) -> None:
    address = running.enrol("web1")
    writer.begin_watch(NOW, PLAN)
    opened(writer, 80, NOW)
    ship(db, address)
    for port in (81, 82):
        with connect(running.address) as server:
            retention.tidy(server)
        opened(writer, port, NOW + port)
        ship(db, address)
    assert counted(running) == added_up(running)
    with connect(running.address) as server:
        retention.tidy(server)
    assert counted(running) == added_up(running)


def test_an_earlier_opening_that_comes_late_is_the_first(running: Fleet, tmp_path: Path) -> None:
    for name, at in (("late", NOW + DAY), ("early", NOW), ("later", NOW + HOUR)):
        db = tmp_path / f"{name}.db"
        with open_writer(db, HOST, 1) as writer:
            writer.begin_watch(NOW, PLAN)
            opened(writer, 4444, at)
            ship(db, running.enrol(name))
    assert running.ask(_COUNTED_FIRST) == [(4444, "tcp", NOW, 2)]


def test_a_clock_of_the_future_makes_no_opening_of_the_future(
    running: Fleet, db: Path, writer: Writer
) -> None:
    writer.begin_watch(NOW, PLAN)
    opened(writer, 4444, NOW + 80 * 365 * DAY)
    ship(db, running.enrol("web1"))
    assert running.ask("SELECT at <= now_us() FROM fleet_first") == [(True,)]


def test_a_listener_that_opened_before_the_fleet_keeps_is_no_new_one(
    running: Fleet, db: Path, writer: Writer
) -> None:
    running.ask("UPDATE setting SET kept_from = %s", NOW)
    writer.begin_watch(NOW, PLAN)
    opened(writer, 22, NOW - 300 * DAY)
    ship(db, running.enrol("web1"))
    assert running.ask("SELECT count(*) FROM event") == [(0,)]
    assert running.ask("SELECT at FROM fleet_first") == [(NOW,)]


def test_a_new_database_of_a_host_counts_its_own_listeners(running: Fleet, tmp_path: Path) -> None:
    address = running.enrol("web1")
    for name, ports in (("old", (80, 81, 82)), ("new", (80,))):
        db = tmp_path / f"{name}.db"
        with open_writer(db, HOST, 1) as writer:
            writer.begin_watch(NOW, PLAN)
            lives = [opened(writer, port, NOW) for port in ports]
            if name == "old":
                at = NOW + SECOND
                writer.record_changes(at, closed=[Closing(lives[0], at, Precision.POLL)])
            ship(db, address)
        assert counted(running)["open listeners"] == added_up(running)["open listeners"]


def test_counts_go_with_what_the_fleet_drops(running: Fleet, db: Path, writer: Writer) -> None:
    writer.begin_watch(NOW, PLAN)
    born = opened(writer, 80, NOW)
    writer.record_changes(NOW, closed=[Closing(born, NOW, Precision.POLL)])
    ship(db, running.enrol("web1"))
    (now,) = running.ask("SELECT now_us()")[0]
    running.ask("UPDATE setting SET keep = now_us() - %s", NOW + 8 * DAY)
    with connect(running.address) as server:
        retention.tidy(server)
    assert now > NOW + 8 * DAY
    assert running.ask("SELECT 1 FROM event") == []
    assert running.ask("SELECT 1 FROM fleet_turnover") == []
    assert running.ask("SELECT 1 FROM fleet_port_turnover") == []
    assert running.ask("SELECT at FROM fleet_first") == [(NOW,)]


def test_a_fleet_that_had_rows_before_it_counted_counts_them(
    db: Path, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed(writer, NOW)
    with cluster() as made, connect(made.address) as server:
        monkeypatch.setattr(migrations, "STEPS", migrations.STEPS[:3])
        migrate(server)
        running = Fleet(made.address)
        running.ask("UPDATE setting SET kept_from = 0, keep = 20 * 365 * 86400000000")
        address = running.enrol("web1")
        ship(db, address)
        monkeypatch.undo()
        assert migrate(server) == len(migrations.STEPS) - 3
        assert counted(running) == added_up(running)
        opened(writer, 4444, NOW + SECOND)
        ship(db, address)
        assert counted(running) == added_up(running)
