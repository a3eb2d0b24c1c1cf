"""One host of a fleet as a database: its state, its readers, and errors that say what to do."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from porteye_core.errors import FleetRefused, StoreError, StoreSlow
from porteye_core.fleet.service import ship_all
from porteye_core.model import Filters
from porteye_core.store.database import (
    HostAtServer,
    find_host,
    fleet_host,
    monitor_status,
    open_reader,
)
from porteye_core.store.fleet import host_connection
from porteye_core.store.fleet.administration.enrolment import retire
from porteye_core.store.fleet.hosts import HostState, addresses, hosts
from porteye_core.store.fleet.many_hosts.reader import open_fleet
from porteye_core.store.fleet.server import connect
from porteye_core.store.fleet.shipping.shipper import Shipper
from porteye_core.store.reading import Form, State
from porteye_core.store.writing.startup import open_writer
from tests.kit.fleet import Fleet, fleet
from tests.kit.postgres import needs_postgres
from tests.kit.seeding import PLAN, seed
from tests.kit.values import HOST

pytestmark = needs_postgres
_NOBODY = "CREATE ROLE nobody_here LOGIN"
_CONNECTS = "GRANT CONNECT ON DATABASE postgres TO nobody_here"
_VIEWER = "CREATE ROLE viewer LOGIN IN ROLE porteye_reader"


@pytest.fixture(scope="module")
def running() -> Iterator[Fleet]:
    with fleet() as made:
        made.ask(_VIEWER)
        made.ask(_NOBODY)
        made.ask(_CONNECTS)
        yield made


@pytest.fixture
def viewer(running: Fleet) -> str:
    """The address of a login that may read the fleet, and nothing else."""
    return make_conninfo(running.address, user="viewer")


@pytest.fixture
def host(running: Fleet, viewer: str, db: Path, request: pytest.FixtureRequest) -> HostAtServer:
    """A host that has shipped a history of an hour, and whose monitor watches."""
    name = str(request.node.name)[:60].replace("[", "-")
    now = time.time_ns() // 1000
    with open_writer(db, HOST, 1) as writer:
        seed(writer, now)
        with connect(running.enrol(name)) as server:
            ship_all(Shipper(db, server, beat=3600))
    found = find_host(viewer, name)
    assert found is not None
    return found


def alter(of: Fleet, host: HostAtServer, table: str, changes: str) -> State:
    of.ask(f"UPDATE {table} SET {changes} WHERE host_id = %s", host.host_id)
    return monitor_status(host, 0).state


def test_a_login_that_may_only_read_is_answered(host: HostAtServer) -> None:
    with open_reader(host) as reader:
        assert reader.version().database is not None
        assert {
            row["port"] for row in reader.open_now_records(Filters(), time.time_ns() // 1000)
        } == {*(80, 5432, 53, 8765)}


def test_the_status_tells_the_watch_and_the_latest_tick(host: HostAtServer) -> None:
    found = monitor_status(host, 0)
    assert found.state is State.WATCHING
    assert found.is_current
    assert (found.host, found.is_elsewhere, found.hidden) == (host.name, False, 1)
    assert found.watch is not None
    assert found.watch.plan.source == PLAN.source


def test_a_host_that_is_silent_behind_or_retired_is_not_current(
    running: Fleet, host: HostAtServer
) -> None:
    assert alter(running, host, "host", "behind = 3") is State.BEHIND
    assert alter(running, host, "host", "received_at = received_at - 4 * beat") is State.SILENT
    assert monitor_status(host, 0).last_watched is not None
    assert alter(running, host, "host", "retired_at = 1") is State.RETIRED


def test_a_host_whose_monitor_stopped_is_stopped(running: Fleet, host: HostAtServer) -> None:
    assert alter(running, host, "watch", "stopped_at = seen_at") is State.STOPPED


def test_a_clock_that_is_off_leaves_the_present_known(running: Fleet, host: HostAtServer) -> None:
    running.ask("UPDATE watch SET seen_at = seen_at + 3600000000")
    assert alter(running, host, "host", "skew = skew + 3600000000") is State.WATCHING
    assert fleet_host(host).state is HostState.CLOCK


def test_a_host_that_has_shipped_nothing_was_never_watched(running: Fleet, viewer: str) -> None:
    running.enrol("newcomer")
    found = find_host(viewer, "newcomer")
    assert found is not None
    status = monitor_status(found, 0)
    assert (status.state, status.watch, status.host) == (State.NEVER, None, "newcomer")


def test_a_host_is_found_by_its_whole_name(running: Fleet, viewer: str) -> None:
    running.enrol("web10")
    assert find_host(viewer, "web1") is None
    assert find_host(viewer, "web%") is None
    assert find_host(viewer, "WEB10") is None
    assert find_host(viewer, "web10") is not None


def test_a_retired_host_is_found_until_another_has_its_name(running: Fleet, viewer: str) -> None:
    running.enrol("twice")
    before = find_host(viewer, "twice")
    with connect(running.address) as server:
        retire(server, "twice")
    assert find_host(viewer, "twice") == before
    running.enrol("twice")
    after = find_host(viewer, "twice")
    assert after is not None
    assert after != before


def test_each_of_several_hosts_of_a_name_has_an_address(running: Fleet, viewer: str) -> None:
    with connect(running.address) as server:
        for _ in range(2):
            running.enrol("thrice")
            retire(server, "thrice")
        running.enrol("thrice")
        found = {id_: name for id_, name in addresses(hosts(server)).items() if "thrice" in name}
    first, second, third = sorted(found)
    assert found == {first: f"thrice~{first}", second: f"thrice~{second}", third: "thrice"}
    for host_id, name in found.items():
        of = find_host(viewer, name)
        assert of is not None
        assert (of.host_id, of.name) == (host_id, name)


def test_the_password_is_not_shown(viewer: str) -> None:
    secret = make_conninfo(viewer, password="s3cret")
    assert "s3cret" not in repr(HostAtServer(secret, 1, "web1"))


def test_a_file_is_sent_without_a_transaction_that_waits_for_its_client(
    running: Fleet, host: HostAtServer
) -> None:
    with open_reader(host) as reader:
        pieces = reader.export_history(Form.CSV, Filters())
        assert next(pieces).count("\n") == 7
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%%'"
        assert running.ask(waiting) == [(0,)]
        assert "".join(pieces) == ""


def test_a_question_that_takes_too_long_is_given_up(
    host: HostAtServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_connection, "MAX_QUERY_TIME", 0.05)
    with pytest.raises(StoreSlow, match="given up"), open_reader(host) as reader:
        reader._connection.execute("SELECT pg_sleep(60)")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"user": "nobody_here"}, "The login of PORTEYE_FLEET may not read the fleet."),
        ({"dbname": "template1"}, "The database of PORTEYE_FLEET has no fleet"),
        ({"user": "unheard_of"}, 'The fleet\'s server cannot be asked: .*"unheard_of"'),
        ({"host": "/nowhere"}, "The fleet's server cannot be asked: .*No such file"),
    ],
)
def test_what_is_wrong_with_the_server_is_said(
    viewer: str, changes: dict[str, str], said: str
) -> None:
    wrong = make_conninfo(viewer, **changes)
    with pytest.raises(StoreError, match=said):
        find_host(wrong, "web1")


def test_an_address_that_is_none_is_said_without_it() -> None:
    for _ in range(2):  # a server that is away is not tried again for a while
        with pytest.raises(StoreError, match="no address of libpq") as refused:
            find_host("s3cret and no more", "web1")
        assert "s3cret" not in str(refused.value)
    for connection in (open_fleet, connect):
        with (
            pytest.raises(FleetRefused, match="the address is none of libpq") as told,
            connection("postgresql://page:s3%cret@db.example/fleet"),
        ):
            pass
        assert "s3%cret" not in str(told.value)


def test_a_server_that_goes_away_in_the_middle_is_said(running: Fleet, host: HostAtServer) -> None:
    end = "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE usename = 'viewer'"

    def ask_after_its_end() -> None:
        with open_reader(host) as reader:
            running.ask(end)
            reader.events_ever()

    with pytest.raises(StoreError, match="cannot be asked"):
        ask_after_its_end()
    with open_reader(host) as reader:
        assert sum(reader.events_ever().values()) == 6
