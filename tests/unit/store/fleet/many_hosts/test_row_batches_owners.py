"""Owners in rows of many hosts: those that a listener had, and the ends of published ports."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from porteye_core.model import Filters, Precision
from porteye_core.store.fleet.hosts import hosts
from porteye_core.store.fleet.many_hosts import row_batches
from porteye_core.store.fleet.many_hosts.moment_coverage import coverages
from porteye_core.store.fleet.many_hosts.reader import FleetReader, open_fleet
from porteye_core.store.fleet.many_hosts.selection import Selection
from porteye_core.store.writing.startup import open_writer
from porteye_core.store.writing.writer import Closing, Opening
from tests.kit.fleet import Fleet, fleet, ship
from tests.kit.postgres import needs_postgres
from tests.kit.published import watch_of_a_published_port
from tests.kit.seeding import PLAN
from tests.kit.values import HOST, SECOND, endpoint, owned, process

pytestmark = needs_postgres

_BEGIN = 1_700_000_000 * SECOND
_HANDED_ON, _CLOSED = _BEGIN + 20 * SECOND, _BEGIN + 40 * SECOND


@pytest.fixture(scope="module")
def running() -> Iterator[Fleet]:
    with fleet() as made:
        yield made


@pytest.fixture(scope="module")
def handed_on(running: Fleet, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A host on which systemd opened a port and handed it on, before it closed."""
    db = tmp_path_factory.mktemp("handed") / "porteye.db"
    with open_writer(db, HOST, _BEGIN) as writer:
        writer.begin_watch(_BEGIN, PLAN)
        first, then = process(1, 5, "systemd", "/sbin/init"), process(7, 6, "nginx")
        opening = Opening(owned(endpoint(80), first), _BEGIN + SECOND, Precision.KERNEL)
        (born,) = writer.record_changes(_BEGIN + SECOND, [opening])
        writer.record_changes(_HANDED_ON, reowned=[(born, owned(endpoint(80), then))])
        closing = Closing(born, _CLOSED, Precision.KERNEL)
        writer.record_changes(_CLOSED, closed=[closing])
        writer.record_placed(_CLOSED, [])
    ship(db, running.enrol("handed"))


def owners(reader: FleetReader, filters: Filters, at: int) -> list[str]:
    covered = coverages(reader, hosts(reader.server), at)
    found = row_batches.moment_batches(reader, Selection.of(filters, ()), at, covered)
    return [row["process"] for rows in found for row in rows]


@pytest.mark.usefixtures("handed_on")
@pytest.mark.parametrize(
    ("filters", "before", "after"),
    [
        (Filters(), ["systemd"], ["nginx"]),
        (Filters(process="init"), ["systemd"], []),
        (Filters(process="NGINX"), [], ["nginx"]),
        (Filters(process="init", ports=((81, 81),)), [], []),
        (Filters(user="www"), ["systemd"], ["nginx"]),
        (Filters(user="root"), [], []),
        (Filters(process="init", address="0.0.0.0"), [], []),
    ],
)
def test_a_moment_has_the_owner_of_then(
    running: Fleet, filters: Filters, before: list[str], after: list[str]
) -> None:
    with open_fleet(running.address) as reader:
        assert owners(reader, filters, _HANDED_ON - 1) == before
        assert owners(reader, filters, _HANDED_ON + SECOND) == after
        assert owners(reader, filters, _CLOSED) == []


@pytest.mark.usefixtures("handed_on")
def test_an_event_has_the_owner_of_then(running: Fleet) -> None:
    with open_fleet(running.address) as reader:
        wanted = Selection.of(Filters(), ())
        rows = row_batches.newest_rows(reader, wanted, 10)
    assert [(row["kind"], row["process"], row["pid"]) for row in rows] == [
        ("closed", "nginx", 7),
        ("opened", "systemd", 1),
    ]


def test_both_ends_of_a_published_port_name_one_another(running: Fleet, tmp_path: Path) -> None:
    for name in ("docker1", "docker2"):
        db = tmp_path / f"{name}.db"
        with watch_of_a_published_port(db):
            ship(db, running.enrol(name))
    with open_fleet(running.address) as reader:
        found = row_batches.open_batches(reader, Selection.of(Filters(), ()))
        rows = [row for batch in found for row in batch]
    assert [(row["host"], row["port"], row["process"]) for row in rows] == [
        *(("docker1", 80, "nginx"), ("docker2", 80, "nginx")),
        *(("docker1", 8080, "docker-proxy"), ("docker2", 8080, "docker-proxy")),
    ]
    ids = {(row["host"], row["port"]): row["id"] for row in rows}
    for row in rows:
        inside, outside = ids[row["host"], 80], ids[row["host"], 8080]
        assert row["leads_to"] == (inside if row["port"] == 8080 else None)
        assert row["published_by"] == (outside if row["port"] == 80 else None)
