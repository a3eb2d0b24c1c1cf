"""Rollups say what the rows say that they sum up."""

import random
import sqlite3
from pathlib import Path

import pytest

from porteye_core.model import Listener, Sample, Seen, Tick
from porteye_core.store import migrations, rollups
from porteye_core.store.reader import open_reader
from porteye_core.store.writer import Closing, Opening, Writer
from tests.kit.seeding import PLAN
from tests.kit.values import SECOND, endpoint, owned, process

DAY = 86_400 * SECOND
WATCH = owned(endpoint(80), process(7, name="nginx"))


def rows(connection: sqlite3.Connection, question: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(question)]


_EVENTS = """
SELECT e.at, e.port, l.protocol, coalesce(e.program_id, l.program_id, 0) AS program_id,
    e.kind = 'opened' AS opened, e.kind = 'closed' AS closed
FROM event e JOIN listener l ON l.id = e.listener_id
"""


def agree(connection: sqlite3.Connection) -> None:
    """The tables hold what a plain sum of the events gives."""
    for table, resolutions, key in (
        ("turnover", rollups.TURNOVER, "bucket"),
        ("activity", rollups.ACTIVITY, "bucket, port, protocol, program_id"),
    ):
        for resolution in resolutions:
            wanted = rows(
                connection,
                f"SELECT {key}, sum(opened), sum(closed) FROM"
                f" (SELECT *, at - at % {resolution * SECOND} AS bucket FROM ({_EVENTS}))"
                f" GROUP BY {key} ORDER BY {key}",
            )
            found = rows(
                connection,
                f"SELECT {key}, opened, closed FROM {table} WHERE resolution = {resolution}"
                f" AND opened + closed > 0 ORDER BY {key}",
            )
            assert wanted
            assert found == wanted


def churn(writer: Writer, seed: int) -> None:
    chance = random.Random(seed)
    now, alive = 20_000 * DAY, list[Listener]()
    writer.begin_watch(now, PLAN)
    for _ in range(120):
        now += chance.randrange(3 * 3600) * SECOND
        closed = [
            alive.pop(chance.randrange(len(alive))) for _ in range(chance.randrange(3)) if alive
        ]
        named = [each for each in alive if each.owner is None and chance.random() < 0.3]
        fresh = [
            Opening(
                owned(
                    endpoint(chance.choice([80, 443, 3000]), chance.choice(["tcp", "udp"])),
                    process(chance.randrange(9), name=chance.choice("abc"))
                    if chance.random() < 0.7
                    else None,
                ),
                now - chance.randrange(5) * SECOND,
                Seen.KERNEL,
                chance.choice([None, None, (now, Seen.KERNEL)]),
            )
            for _ in range(chance.randrange(4))
        ]
        born = writer.record_changes(
            now,
            fresh,
            [Closing(each, now, Seen.KERNEL) for each in closed],
            [(each, owned(each.endpoint, process(99, name="late"))) for each in named],
        )
        alive = [each for each in alive if each not in named]
        alive += [each for each, opening in zip(born, fresh, strict=True) if not opening.closed]


@pytest.mark.parametrize("seed", range(4))
def test_events_are_counted_as_they_are_stored(db: Path, writer: Writer, seed: int) -> None:
    churn(writer, seed)
    with open_reader(db) as reader:
        agree(reader)


def test_a_database_of_schema_1_is_summed_up_when_it_is_migrated(
    db: Path, writer: Writer, tmp_path: Path
) -> None:
    churn(writer, 1)
    old = tmp_path / "old.db"
    with sqlite3.connect(old, isolation_level=None) as connection:
        connection.executescript(migrations.STEPS[0] + "PRAGMA user_version = 1;")
        connection.execute("ATTACH ? AS new", (str(db),))
        tables = rows(connection, "SELECT name FROM main.sqlite_master WHERE type = 'table'")
        for (table,) in tables:
            if str(table).startswith("sqlite_"):
                continue
            columns = rows(connection, f"SELECT name FROM pragma_table_info('{table}', 'main')")
            names = ", ".join(str(name) for (name,) in columns)
            connection.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM new.{table}")
        connection.execute("DETACH new")
        migrations.migrate(connection)
        agree(connection)
        assert rows(connection, "PRAGMA integrity_check") == [("ok",)]


def test_usage_has_the_mean_and_the_most_of_every_beat(db: Path, writer: Writer) -> None:
    start = 20_000 * DAY
    writer.begin_watch(start, PLAN)
    (listener,) = writer.record_changes(start, [Opening(WATCH, start, Seen.POLL)])
    for beat, cpu in enumerate([100, 100, None, 400]):
        at = start + beat * 100 * SECOND
        tick = Tick(at, at, listeners=1, clients=0, scan_us=1, hidden=0)
        writer.record_tick(tick, [Sample(listener.id, cpu=cpu, rss=5, clients=beat, queue=0)])
    with open_reader(db) as reader:
        found = rows(
            reader,
            "SELECT resolution, bucket, beats, cpu_sum, cpu_max, clients_max, backlog FROM rollup",
        )
        stored = rows(reader, "SELECT clients FROM sample")
    later = start + 300 * SECOND
    assert found == [
        (300, start, 3, 200, 100, 2, None),
        (300, later, 1, 400, 400, 3, None),
        (3600, start, 4, 600, 400, 3, None),
    ]
    assert len(stored) == 4
