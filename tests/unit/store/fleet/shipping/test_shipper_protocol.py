"""Agents of other versions: what the first one says is understood, or it is told why not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from porteye_core.errors import FleetRefused
from porteye_core.store.fleet.administration.migrations import migrate
from porteye_core.store.fleet.server import connect
from porteye_core.store.writing.writer import Writer
from tests.kit.fleet import Fleet, ship
from tests.kit.postgres import cluster, needs_postgres

pytestmark = needs_postgres

# What agents of version 1 name, which are at hosts for years. The lists never change: another
# version has lists of its own.
OF_VERSION_1 = {
    "inbox_program": "local name exe user cmdline title",
    "inbox_process": "local machine pid started_at program ppid parents unit container cwd"
    " container_id",
    "inbox_listener": "local machine protocol family address port netns inode fd uid user process"
    " program hidden opened_at opened_seen interface interface_kind v6only cookie unseen_at"
    " holders_gone exposure holders former closed_at closed_seen",
    "inbox_event": "local machine at kind seen listener port program pid protocol hidden exposure"
    " address",
    "inbox_rollup": "listener bucket beats cpu_sum cpu_max rss_max clients_max queue_max backlog",
}
HELLO = "events revisions ticks rollups mark protocols"
APPLY = "uuid, bytea, bytea, bigint, bigint, bigint, bigint, bigint, jsonb"


@pytest.fixture(scope="module")
def running() -> Iterator[Fleet]:
    with cluster() as server:
        with connect(server.address) as admin:
            migrate(admin)
        yield Fleet(server.address)


@pytest.mark.parametrize("inbox", OF_VERSION_1)
def test_an_agent_of_version_1_may_write_what_it_names_and_needs_no_more(
    running: Fleet, inbox: str
) -> None:
    columns = running.ask(
        "SELECT attname, has_column_privilege('porteye_agent', attrelid, attnum, 'INSERT'),"
        " attnotnull AND NOT atthasdef FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
        f"fleet.{inbox}",
    )
    writable = {name for name, may, _ in columns if may}
    needed = {name for name, _, must in columns if must}
    assert needed <= set(OF_VERSION_1[inbox].split()) <= writable


def test_an_agent_of_version_1_finds_what_it_calls(running: Fleet) -> None:
    for call in ("hello(uuid)", f"apply({APPLY})"):
        may = "SELECT has_function_privilege('porteye_agent', %s, 'EXECUTE')"
        assert running.ask(may, f"fleet.{call}") == [(True,)]
    ((names, version_1),) = running.ask(
        "SELECT proargnames, pg_get_functiondef(oid) LIKE '%%''[1,%%' FROM pg_proc"
        " WHERE oid = 'fleet.hello(uuid)'::regprocedure"
    )
    assert set(HELLO.split()) <= set(names)
    assert version_1


def test_a_server_that_has_gone_on_tells_an_agent_that_has_not(
    running: Fleet, db: Path, writer: Writer
) -> None:
    address = running.enrol("old")
    ship(db, address)
    ((hello,),) = running.ask("SELECT pg_get_functiondef('fleet.hello(uuid)'::regprocedure)")
    running.ask(hello.replace("'[1,1]'", "'[2,3]'"))
    with pytest.raises(FleetRefused, match="does not speak version 1") as refused:
        ship(db, address)
    running.ask(hello)
    ship(db, address)
    assert "Update the older of the two" in str(refused.value)
