"""Numbers of each host answer as the rows one by one."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from porteye_core.model import Protocol
from porteye_core.reach import REACHABLE, Exposure
from porteye_core.store.fleet.hosts import hosts
from porteye_core.store.fleet.many_hosts.host_counts import (
    HostsWithPorts,
    exposed_counts,
    ports_by_host,
)
from porteye_core.store.fleet.many_hosts.reader import open_fleet
from porteye_core.store.fleet.many_hosts.selection import Selection
from tests.kit.fleet import Fleet
from tests.kit.many_hosts import many_hosts
from tests.kit.postgres import needs_postgres

pytestmark = needs_postgres

OPEN = """SELECT h.host_id, h.name, l.port, l.protocol::text, l.exposure::text, l.opened_at
FROM open_listener l JOIN host h USING (host_id)"""


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with many_hosts() as (running, _):
        yield running


def test_exposed_listeners_are_those_that_others_reach(fleet: Fleet) -> None:
    plain = dict[int, int]()
    for host_id, *_, exposure, _ in fleet.ask(OPEN):
        if Exposure(exposure) in REACHABLE:
            plain[host_id] = plain.get(host_id, 0) + 1
    with open_fleet(fleet.address) as reader:
        assert exposed_counts(reader) == plain


def test_the_index_of_what_is_exposed_has_all_that_others_reach(fleet: Fleet) -> None:
    ((said,),) = fleet.ask(
        "SELECT pg_get_expr(indpred, indrelid) FROM pg_index"
        " WHERE indexrelid = 'open_listener_exposed'::regclass"
    )
    assert set(re.findall(r"'([^']+)'::exposure", said)) == {each.value for each in REACHABLE}


@pytest.mark.parametrize(
    "wanted",
    [
        Selection(),
        Selection(exposure=REACHABLE),
        Selection(protocol=Protocol.UDP, ports=((0, 9000),)),
        Selection(hosts=(1, 3)),
    ],
)
def test_each_host_has_its_ports(fleet: Fleet, wanted: Selection) -> None:
    rows = [
        row
        for row in fleet.ask(OPEN)
        if (not wanted.hosts or row[0] in wanted.hosts)
        and (not wanted.exposure or Exposure(row[4]) in wanted.exposure)
        and wanted.protocol in {None, row[3]}
        and (not wanted.ports or row[2] <= 9000)
    ]
    with open_fleet(fleet.address) as reader:
        found = ports_by_host(reader, wanted).hosts
        assert ports_by_host(reader, wanted, 1) == HostsWithPorts(found[:1], len(found))
        assert ports_by_host(reader, replace(wanted, ports=((9, 9),))) == HostsWithPorts((), 0)
    assert {each.host for each in found} == {row[1] for row in rows}
    for each in found:
        of = [row for row in rows if row[0] == each.host_id]
        assert each.listeners == len(of)
        assert list(each.ports) == sorted({row[2] for row in of})
        assert each.port_count == len(each.ports)
        assert set(each.exposures) == {row[4] for row in of}
        assert each.since == min(row[5] for row in of)
    assert [each.listeners for each in found] == sorted(
        (each.listeners for each in found), reverse=True
    )


def test_of_many_ports_the_first_are_named(fleet: Fleet) -> None:
    fleet.ask(
        """INSERT INTO open_listener SELECT host_id, id + n * 1000000, machine, protocol, family,
            address, 100 + n, netns, inode, fd, uid, "user", process_id, program_id, hidden,
            opened_at, opened_seen, interface, interface_kind, v6only, cookie, unseen_at,
            holders_gone, exposure, owner_holds
        FROM (SELECT * FROM open_listener WHERE host_id = 2 LIMIT 1) l, generate_series(1, 40) n"""
    )
    try:
        with open_fleet(fleet.address) as reader:
            (found,) = ports_by_host(reader, Selection(hosts=(2,), ports=((101, 140),))).hosts
        assert found.ports == tuple(range(101, 113))
        assert found.port_count == 40
    finally:
        fleet.ask("DELETE FROM open_listener WHERE port BETWEEN 101 AND 140")


def test_a_retired_host_lets_nobody_in(fleet: Fleet) -> None:
    fleet.ask("UPDATE host SET retired_at = 1 WHERE host_id = 4")
    try:
        with open_fleet(fleet.address) as reader:
            assert 4 not in {each.host_id for each in ports_by_host(reader, Selection()).hosts}
            assert 4 not in exposed_counts(reader)
            (retired,) = (each for each in hosts(reader.server) if each.id == 4)
            assert retired.listeners == 0
    finally:
        fleet.ask("UPDATE host SET retired_at = NULL WHERE host_id = 4")
