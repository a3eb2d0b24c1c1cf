"""Keys that a host begins, one level of partitions, steps that apply once."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from porteye_core.errors import FleetError, FleetRefused
from porteye_core.store.fleet.administration import migrations, retention
from porteye_core.store.fleet.server import connect
from porteye_core.store.writing.writer import Writer
from tests.kit.fleet import Fleet, fleet, ship
from tests.kit.postgres import Cluster, cluster, needs_postgres
from tests.kit.seeding import seed
from tests.kit.service import PROJECT

pytestmark = needs_postgres

# What Citus would copy to every server: rows of no single host.
REFERENCE = {"host", "program", "fold", "setting", "step", "fleet_first"}
# Counts over all hosts, which are no host's: tables of the coordinator.
REFERENCE |= {"fleet_turnover", "fleet_port_turnover", "fleet_port_most", "fleet_service"}
DAY = 86_400 * 1_000_000


@pytest.fixture(scope="module")
def made() -> Iterator[Fleet]:
    with fleet() as running:
        yield running


@pytest.fixture(scope="module")
def empty() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


def test_the_keys_of_each_table_with_rows_of_a_host_begin_with_the_host(made: Fleet) -> None:
    keys = made.ask("""
        SELECT t.relname, k.contype::text,
            (SELECT attname FROM pg_attribute WHERE attrelid = t.oid AND attnum = k.conkey[1])
        FROM pg_class t JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype IN ('p', 'u', 'f')
        WHERE t.relnamespace = 'fleet'::regnamespace AND t.relkind IN ('r', 'p')
            AND NOT t.relispartition
            AND (k.contype != 'f' OR k.confrelid NOT IN ('host'::regclass, 'program'::regclass))
    """)
    first = {(table, column) for table, _, column in keys if table not in REFERENCE}
    assert {column for _, column in first} == {"host_id"}
    assert {"event", "life", "open_listener", "process", "watch", "rollup"} <= {t for t, _ in first}
    assert {table for table, kind, _ in keys if kind == "p"} == {
        table
        for (table,) in made.ask("""
            SELECT relname FROM pg_class WHERE relnamespace = 'fleet'::regnamespace
                AND relkind IN ('r', 'p') AND NOT relispartition AND relname NOT LIKE 'inbox_%'
        """)
    }


def test_the_column_of_the_host_has_one_type(made: Fleet) -> None:
    found = made.ask("""
        SELECT DISTINCT data_type FROM information_schema.columns
        WHERE table_schema = 'fleet' AND column_name = 'host_id'
    """)
    assert found == [("integer",)]


def test_there_is_one_level_of_partitions(made: Fleet) -> None:
    levels = made.ask("""
        SELECT max(level) FROM pg_class p CROSS JOIN LATERAL pg_partition_tree(p.oid)
        WHERE p.relnamespace = 'fleet'::regnamespace AND p.relkind = 'p'
    """)
    assert levels == [(1,)]


def test_there_are_no_rules_no_triggers_no_small_sequences_and_no_generated_columns(
    made: Fleet,
) -> None:
    assert made.ask("SELECT rulename FROM pg_rules WHERE schemaname = 'fleet'") == []
    assert (
        made.ask("""SELECT tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'fleet'::regnamespace AND NOT tgisinternal""")
        == []
    )
    assert (
        made.ask("""SELECT attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'fleet'::regnamespace AND attgenerated != ''""")
        == []
    )
    sequences = made.ask("SELECT sequencename, data_type::text FROM pg_sequences")
    assert sorted(sequences) == [
        ("apart", "bigint"),
        ("host_host_id_seq", "integer"),
        ("program_id_seq", "bigint"),
    ]


def test_each_table_has_its_place_in_citus(made: Fleet) -> None:
    calls = re.findall(
        r"^SELECT (create_\w+_table|citus_\w+)\('fleet\.(\w+)'(?:, '(\w+)')?",
        (PROJECT / "deploy" / "citus.sql").read_text(),
        re.MULTILINE,
    )
    tables = made.ask("""
        SELECT c.relname, EXISTS (SELECT FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attname = 'host_id' AND NOT a.attisdropped)
        FROM pg_class c WHERE c.relnamespace = 'fleet'::regnamespace AND c.relkind IN ('r', 'p')
            AND NOT c.relispartition
    """)
    assert sorted(table for _, table, _ in calls) == sorted(table for table, _ in tables)
    distributed = {table for call, table, _ in calls if call == "create_distributed_table"}
    assert {column for call, _, column in calls if call == "create_distributed_table"} == {
        "host_id"
    }
    of_hosts = {table for table, has_host in tables if has_host}
    inboxes = {table for table in of_hosts if table.startswith("inbox_")}
    assert distributed == of_hosts - REFERENCE - inboxes


def test_citus_can_refer_from_each_table_to_those_that_it_refers_to(made: Fleet) -> None:
    """A row of a host refers to rows of the same host, or to what each worker has."""
    text = (PROJECT / "deploy" / "citus.sql").read_text()
    everywhere = set(re.findall(r"create_reference_table\('fleet\.(\w+)'\)", text))
    referred = made.ask("""
        SELECT DISTINCT k.confrelid::regclass::text FROM pg_constraint k
        JOIN pg_class c ON c.oid = k.conrelid
        WHERE k.contype = 'f' AND c.relnamespace = 'fleet'::regnamespace
    """)
    assert {table.removeprefix("fleet.") for (table,) in referred} <= everywhere


def test_no_column_numbers_itself_but_by_large_numbers(made: Fleet) -> None:
    """Citus distributes no identity column of another type."""
    found = made.ask("""
        SELECT DISTINCT a.atttypid::regtype::text FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'fleet'::regnamespace AND a.attidentity != ''
    """)
    assert found == [("bigint",)]


def test_the_steps_apply_once_and_again_change_nothing(empty: Cluster) -> None:
    with connect(empty.address) as server:
        assert migrations.migrate(server) == len(migrations.STEPS)
        assert migrations.migrate(server) == 0
        server.execute("INSERT INTO fleet.step (number) VALUES (1000)")
        with pytest.raises(FleetRefused, match="Update PortEye"):
            migrations.migrate(server)
        server.execute("DELETE FROM fleet.step WHERE number = 1000")


def test_a_step_that_fails_leaves_nothing(empty: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(empty.address, autocommit=True) as server:
        server.execute("CREATE DATABASE failing")
    with connect(empty.address.replace("dbname=postgres", "dbname=failing")) as server:
        first, second, *_ = migrations.STEPS
        monkeypatch.setattr(migrations, "STEPS", (first, second, first))
        with pytest.raises(FleetError, match="could not be made"):
            migrations.migrate(server)
        found = server.execute("SELECT to_regclass('fleet.event')").fetchone()
        assert found == (None,)


def test_what_is_older_than_is_kept_goes_with_its_partition() -> None:
    with fleet() as running, connect(running.address) as server:
        running.ask("UPDATE setting SET keep = %s", 30 * DAY)
        (before,) = running.ask("SELECT count(*) FROM pg_inherits")
        swept = retention.tidy(server)
        (now,) = running.ask("SELECT now_us()")[0]
        assert now - 37 * DAY <= swept.kept_from <= now - 30 * DAY
        oldest = running.ask("""SELECT min(relname) FROM pg_class
            WHERE relname ~ '^event_\\d{8}$' AND relispartition""")[0][0]
        kept = running.ask(
            "SELECT to_char(to_timestamp(%s::bigint / 1000000) AT TIME ZONE 'UTC', 'YYYYMMDD')",
            swept.kept_from,
        )[0][0]
        assert oldest == f"event_{kept}"
        assert running.ask("SELECT count(*) FROM pg_inherits")[0] < before


def test_the_first_batch_of_a_day_tidies(db: Path, writer: Writer) -> None:
    seed(writer, 1_790_000_000 * 1_000_000)
    with fleet() as running:
        address = running.enrol("web1")
        running.ask("DROP TABLE " + ", ".join(_ahead(running)))
        ship(db, address)
        assert _ahead(running) == []
        running.ask("UPDATE setting SET tidied_at = now_us() - 2 * %s", DAY)
        with psycopg.connect(running.address) as reader:
            reader.execute("SELECT count(*) FROM fleet.event")  # it holds the table
            ship(db, address)
        assert len(_ahead(running)) >= 4


def _ahead(running: Fleet) -> list[str]:
    found = running.ask("""SELECT relname FROM pg_class WHERE relname ~ '^life_\\d{8}$'
        AND to_date(right(relname, 8), 'YYYYMMDD') > now()""")
    return [name for (name,) in found]


def test_partitions_are_made_ahead(made: Fleet) -> None:
    assert len(_ahead(made)) >= 4
