"""The rights of an agent: its own rows through two functions, and nothing else; the list grows."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from porteye_core.errors import FleetError, FleetRefused
from porteye_core.store.fleet.administration.enrolment import enrol, retire
from porteye_core.store.fleet.hosts import hosts
from porteye_core.store.fleet.server import connect
from porteye_core.store.writing.writer import Writer
from tests.kit.fleet import Fleet, fleet, ship
from tests.kit.postgres import needs_postgres
from tests.kit.seeding import seed
from tests.kit.values import SECOND

pytestmark = needs_postgres

NOW = 1_790_000_000 * SECOND
# Each is refused to an agent, whose number is 1.
FORBIDDEN = {
    "read its own events": "SELECT * FROM fleet.event",
    "read the hosts": "SELECT * FROM fleet.host",
    "read the programs": "SELECT * FROM fleet.program",
    "read the views of a host": "SELECT * FROM one_host.event",
    "read an inbox": "SELECT * FROM fleet.inbox_event",
    "write an event past the functions": "INSERT INTO fleet.event (host_id) VALUES (1)",
    "name the host in an inbox": "INSERT INTO fleet.inbox_event (login, local)"
    " VALUES ('agent_2', 1)",
    "copy the host into an inbox": "COPY fleet.inbox_event (login, local) FROM STDIN",
    "empty an inbox": "DELETE FROM fleet.inbox_event",
    "change an inbox": "UPDATE fleet.inbox_event SET login = 'agent_2'",
    "truncate an inbox": "TRUNCATE fleet.inbox_event",
    "move its cursor": "UPDATE fleet.stream SET events = 0",
    "change a program": "UPDATE fleet.program SET name = 'x'",
    "add a program past the inbox": "INSERT INTO fleet.program (name) VALUES ('x')",
    "take the owner's role": "SET ROLE porteye_owner",
    "take another agent's role": "SET ROLE agent_2",
    "become another session": "SET SESSION AUTHORIZATION agent_2",
    "make a temporary table": "CREATE TEMP TABLE stream (host_id integer)",
    "make a table": "CREATE TABLE public.x (a integer)",
    "make a schema": "CREATE SCHEMA x",
    "make a function": "CREATE FUNCTION fleet.me() RETURNS integer LANGUAGE sql AS 'SELECT 2'",
    "make a function in public": "CREATE FUNCTION public.sha256(bytea) RETURNS bytea"
    " LANGUAGE sql AS 'SELECT $1'",
    "read a file": "SELECT pg_read_file('/etc/passwd')",
    "copy from a file": "COPY fleet.inbox_event (local) FROM '/etc/passwd'",
    "run a program": "COPY fleet.inbox_event (local) FROM PROGRAM 'id'",
    "write a file": "COPY (SELECT 1) TO '/tmp/porteye-fleet-attack'",
    "drop a partition": "SELECT fleet.tidy()",
    "set a process of another host apart": "SELECT fleet.set_apart(2, 1)",
    "set a life of another host apart": "SELECT fleet.set_life_apart(2, 1, 0, 1)",
    "tidy": "SELECT fleet.tidy_daily()",
    "list the busiest ports": "SELECT fleet.list_busiest(NULL)",
    "merge the slots of counts": "SELECT fleet.merge_slots(0)",
    "store a batch uncounted": "SELECT fleet.store_batch("
    "'11111111-1111-1111-1111-111111111111', NULL, NULL, 0, 0, 0, 0, 0, '{}')",
    "read counts of all hosts": "SELECT * FROM fleet.fleet_turnover",
    "write a first time": "INSERT INTO fleet.fleet_first VALUES (1, 'tcp', 1, 1)",
    "read the addresses of other hosts": "SELECT * FROM fleet.host_address",
    "read the services of all hosts": "SELECT * FROM fleet.fleet_service",
    "change the services of all hosts": "UPDATE fleet.fleet_service SET hosts = 0",
    "count services of its own making": "SELECT fleet.count_services(NULL, NULL)",
    "ask for the services of another host": "SELECT fleet.services_of(2, ARRAY[80])",
    "retire another host": "SELECT fleet.retire(2)",
    "raise its quota": "UPDATE fleet.setting SET rows_a_day = 1000000000",
    "forget what it has shipped today": "UPDATE fleet.host SET shipped_rows = 0",
    "read the quota": "SELECT rows_a_day FROM fleet.setting",
    "ask about the quota of another host": "SELECT fleet.refuse_beyond_quota(2, 1)",
    "tidy when it likes": "SELECT fleet.kept_now()",
    "make a partition": "SELECT fleet.make_partitions(0, 1)",
    "leave another host's epochs": "SELECT fleet.leave_epochs_before(2, 5::smallint)",
    "read passwords": "SELECT rolpassword FROM pg_authid",
    "end another's session": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE pid != pg_backend_pid() AND usename = 'porteye'",
    "make a login": "CREATE ROLE x LOGIN",
    "raise its own limit": "ALTER ROLE agent_1 CONNECTION LIMIT 1000",
    "be heard as superuser": "ALTER ROLE agent_1 SUPERUSER",
    "see the steps of the schema": "SELECT * FROM fleet.step",
    "see another's large object": "SELECT lo_import('/etc/passwd')",
}


@pytest.fixture(scope="module")
def running() -> Iterator[Fleet]:
    with fleet() as made:
        yield made


@pytest.fixture(scope="module")
def agents(running: Fleet) -> tuple[str, str]:
    return running.enrol("one"), running.enrol("two")


@pytest.mark.parametrize("what", FORBIDDEN)
def test_an_agent_cannot(agents: tuple[str, str], what: str) -> None:
    with (
        psycopg.connect(agents[0], autocommit=True) as agent,
        pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedObject)),
    ):
        agent.execute(FORBIDDEN[what])


def test_the_host_of_a_row_is_the_login(running: Fleet, agents: tuple[str, str]) -> None:
    with psycopg.connect(agents[1]) as agent:
        agent.execute("INSERT INTO fleet.inbox_program (local, name) VALUES (1, 'x')")
        with psycopg.connect(running.address, autocommit=True) as server:
            (seen,) = server.execute("SELECT count(*) FROM fleet.inbox_program").fetchone() or ()
            assert seen == 0  # it lies there for the length of a transaction
        agent.rollback()
        agent.execute("INSERT INTO fleet.inbox_program (local, name) VALUES (1, 'x')")
        agent.commit()
    assert running.ask("SELECT login::text FROM inbox_program") == [("agent_2",)]
    running.ask("DELETE FROM inbox_program")


def test_an_agent_does_not_see_the_statements_of_others(
    running: Fleet, agents: tuple[str, str]
) -> None:
    with (
        psycopg.connect(running.address, autocommit=True) as server,
        psycopg.connect(agents[0], autocommit=True) as agent,
    ):
        server.execute("SELECT 'a secret of the administrator'")
        seen = agent.execute("SELECT query FROM pg_stat_activity WHERE usename = 'porteye'")
        assert {text for (text,) in seen} <= {"<insufficient privilege>"}


@pytest.mark.parametrize(
    ("cursors", "why"),
    [
        ((-1, 0, 0, 0), "A cursor goes back"),
        ((1 << 40, 0, 0, 0), "outside of its epoch"),
        ((5, 0, 0, 0), "A cursor goes back"),  # without a mark
    ],
)
def test_a_batch_that_lies_about_its_place_is_refused(
    agents: tuple[str, str], cursors: tuple[int, ...], why: str
) -> None:
    origin = "11111111-1111-1111-1111-111111111111"
    mark = b"m" if cursors[0] >= 1 << 40 else None
    with psycopg.connect(agents[0]) as agent:
        agent.execute("SELECT fleet.hello(%s::uuid)", (origin,))
        with pytest.raises(psycopg.Error, match=why):
            agent.execute(
                "SELECT fleet.apply(%s::uuid, NULL, %s, %s, %s, %s, %s, 0, '{}')",
                (origin, mark, *cursors),
            )


def test_an_id_of_another_epoch_is_refused(agents: tuple[str, str]) -> None:
    origin = "11111111-1111-1111-1111-111111111112"
    with psycopg.connect(agents[0]) as agent:
        agent.execute("SELECT fleet.hello(%s::uuid)", (origin,))
        agent.execute(
            "INSERT INTO fleet.inbox_rollup (listener, bucket, beats) VALUES (%s, 0, 1)",
            (1 << 40,),
        )
        with pytest.raises(psycopg.Error, match="outside of its epoch"):
            agent.execute(
                "SELECT fleet.apply(%s::uuid, NULL, NULL, 0, 0, 0, 0, 0, '{}')", (origin,)
            )


def test_a_host_that_has_shipped_its_rows_of_the_day_waits_for_the_next(
    running: Fleet, db: Path, writer: Writer
) -> None:
    seed(writer, NOW)
    address = running.enrol("busy")
    ship(db, address)
    (shipped,) = running.ask("SELECT shipped_rows FROM host WHERE name = 'busy'")[0]
    assert shipped > running.ask("SELECT count(*) FROM event")[0][0]
    running.ask("UPDATE setting SET rows_a_day = %s", shipped)
    try:
        with pytest.raises(
            FleetError, match=f"host busy has shipped {shipped} rows today"
        ) as found:
            ship(db, address)
        assert not isinstance(found.value, FleetRefused)  # the next day takes the next
        running.ask("UPDATE host SET shipped_day = shipped_day - 86400000000 WHERE name = 'busy'")
        ship(db, address)
        (again,) = running.ask("SELECT shipped_rows FROM host WHERE name = 'busy'")[0]
        assert 0 < again < shipped
    finally:
        running.ask("UPDATE setting SET rows_a_day = DEFAULT")


def test_no_batch_is_larger_than_a_day(running: Fleet, agents: tuple[str, str]) -> None:
    origin = "11111111-1111-1111-1111-111111111114"
    running.ask("UPDATE setting SET rows_a_day = 1000")
    try:
        with psycopg.connect(agents[0]) as agent:
            agent.execute("SELECT fleet.hello(%s::uuid)", (origin,))
            agent.execute(
                "INSERT INTO fleet.inbox_program (local, name)"
                " SELECT n, 'x' FROM generate_series(1, 1001) n"
            )
            with pytest.raises(psycopg.Error, match="may ship 1000 a day") as found:
                agent.execute(
                    "SELECT fleet.apply(%s::uuid, NULL, NULL, 0, 0, 0, 0, 0, '{}')", (origin,)
                )
        assert found.value.sqlstate == "PE004"
    finally:
        running.ask("UPDATE setting SET rows_a_day = DEFAULT")


def test_what_an_agent_leaves_in_an_inbox_goes_with_the_next_day(
    running: Fleet, agents: tuple[str, str], db: Path, writer: Writer
) -> None:
    seed(writer, NOW)
    with psycopg.connect(agents[0]) as agent:
        agent.execute("INSERT INTO fleet.inbox_event (local) SELECT generate_series(1, 1000)")
    running.ask("UPDATE setting SET tidied_at = 0")
    ship(db, running.enrol("other"))
    assert running.ask("SELECT 1 FROM inbox_event") == []
    assert running.ask("SELECT 1 FROM event e JOIN host h USING (host_id) WHERE h.name = 'other'")


def test_no_agent_names_the_program_of_another(running: Fleet, db: Path, writer: Writer) -> None:
    """The same four texts with another title are another program."""
    seed(writer, NOW)
    ship(db, running.enrol("first"))
    before = running.ask("SELECT count(*) FROM program")[0][0]
    with psycopg.connect(running.enrol("liar")) as agent:
        agent.execute("SELECT fleet.hello('11111111-1111-1111-1111-111111111113'::uuid)")
        agent.execute(
            'INSERT INTO fleet.inbox_program (local, name, exe, "user", cmdline, title)'
            " VALUES (1, 'postgres', '/usr/bin/postgres', 'user', 'postgres -D /data', 'evil')"
        )
        agent.execute(
            "SELECT fleet.apply('11111111-1111-1111-1111-111111111113'::uuid, NULL, NULL,"
            " 0, 0, 0, 0, 0, '{}')"
        )
    titles = running.ask(
        "SELECT title FROM program WHERE cmdline = 'postgres -D /data' ORDER BY id"
    )
    assert titles == [("postgres",), ("evil",)]
    assert running.ask("SELECT count(*) FROM program")[0][0] == before + 1


def test_a_password_is_kept_as_scram(running: Fleet, agents: tuple[str, str]) -> None:
    kept = running.ask("SELECT rolpassword FROM pg_authid WHERE rolname LIKE 'agent_%'")
    assert all(each.startswith("SCRAM-SHA-256$") for (each,) in kept)


def test_a_host_is_enrolled_once_and_anew_when_it_is_retired(running: Fleet) -> None:
    with connect(running.address) as server:
        address = enrol(server, "web", "host=db.example sslmode=verify-full")
        assert "host=db.example sslmode=verify-full" in address
        with pytest.raises(FleetRefused, match="enrolled already"):
            enrol(server, "web")
        retire(server, "web")
        with pytest.raises(FleetRefused, match="No host web is enrolled"):
            retire(server, "web")
        enrol(server, "web")
        found = [each.retired_at is None for each in hosts(server) if each.name == "web"]
    assert found == [False, True]


@pytest.mark.parametrize(
    "name", ["a,b", "web*", "we?", "web[12]", "web~7", " web", "web\n", "a\x1bb"]
)
def test_a_host_that_nobody_could_ask_for_is_not_enrolled(running: Fleet, name: str) -> None:
    before = running.ask("SELECT count(*) FROM host")
    with connect(running.address) as server, pytest.raises(FleetRefused, match="is no name"):
        enrol(server, name)
    assert running.ask("SELECT count(*) FROM host") == before


def test_a_retired_host_is_out_at_once(running: Fleet, db: Path, writer: Writer) -> None:
    seed(writer, NOW)
    address = running.enrol("gone")
    with connect(address) as agent, connect(running.address) as server:
        retire(server, "gone")
        with pytest.raises(psycopg.OperationalError):
            agent.execute("SELECT 1")
    with pytest.raises(FleetError, match="cannot be reached"):
        ship(db, address)


def test_the_reader_reads_and_writes_nothing(running: Fleet) -> None:
    with psycopg.connect(running.address, autocommit=True) as server:
        server.execute("SET ROLE porteye_reader")
        assert server.execute("SELECT count(*) FROM fleet.event").fetchone() is not None
        for statement in (
            "DELETE FROM fleet.event",
            "SELECT * FROM fleet.inbox_event",
            "SELECT fleet.tidy()",
            "SELECT fleet.hello('11111111-1111-1111-1111-111111111111'::uuid)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                server.execute(statement)


def test_the_owner_does_not_log_in(running: Fleet) -> None:
    found = running.ask(
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'porteye_%' AND rolcanlogin"
    )
    assert found == []
