"""The search finds what reading every event finds, whichever way it takes."""

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.history.plain import plain_count, plain_history
from benchmarks.seed import seed
from benchmarks.seeding.scale import DAY, HOUR, Scale
from porteye_core.model import Filters, Protocol
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading import event_frame, event_total, events
from porteye_core.store.tables.event_ids import EventIds
from porteye_core.store.writing.writer import Writer
from tests.kit.counts import pack_all

NOW = 1_700_000_000_000_000
DAYS = 4
# Between two days the clock was set back by so much.
SET_BACK = 2 * HOUR + HOUR // 3


@pytest.fixture(scope="module")
def steady_clock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("steady") / "seeded.db"
    seed(db, Scale(days=DAYS, listeners=30, events=3000, sample_days=0.05), NOW)
    return db


@pytest.fixture(scope="module")
def set_back(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history in which later events have earlier times."""
    db = tmp_path_factory.mktemp("stepped") / "seeded.db"
    seed(db, Scale(days=DAYS, listeners=30, events=3000, sample_days=0.05), NOW)
    with closing(sqlite3.connect(db)) as connection:
        connection.execute(
            "UPDATE event SET at = at - ? WHERE id > 1500 AND listener_id > 100", (SET_BACK,)
        )
        connection.execute("UPDATE tick SET jump = ? WHERE id = 7", (-SET_BACK,))
        connection.execute("DELETE FROM activity")
        connection.execute(
            "INSERT INTO activity SELECT resolution, e.at - e.at % (resolution * 1000000) AS b,"
            " e.port, l.protocol, coalesce(e.program_id, 0) AS program,"
            " sum(e.kind = 'opened'), sum(e.kind = 'closed')"
            " FROM event e JOIN listener l ON l.id = e.listener_id,"
            " (SELECT 3600 AS resolution UNION ALL SELECT 86400)"
            " GROUP BY resolution, b, e.port, l.protocol, program"
        )
        connection.execute("DELETE FROM turnover")
        connection.execute(
            "INSERT INTO turnover SELECT resolution, at - at % (resolution * 1000000) AS b,"
            " sum(kind = 'opened'), sum(kind = 'closed') FROM event,"
            " (SELECT 60 AS resolution UNION ALL SELECT 3600 UNION ALL SELECT 86400)"
            " GROUP BY resolution, b"
        )
        connection.execute("DELETE FROM pack")
        connection.commit()
    pack_all(db, NOW)
    return db


@pytest.fixture(scope="module")
def unpacked(steady_clock: Path) -> Path:
    """A history of which nothing is packed yet, as that of an earlier version."""
    db = steady_clock.with_name("unpacked.db")
    shutil.copyfile(steady_clock, db)
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("DELETE FROM pack")
        connection.commit()
    return db


@pytest.fixture(params=["steady_clock", "set_back", "unpacked"])
def reader(request: pytest.FixtureRequest) -> Iterator[sqlite3.Connection]:
    with open_connection(request.getfixturevalue(request.param)) as opened:
        yield opened


def random_filters(draws: random.Random, ports: list[int]) -> Filters:
    one, other = sorted(draws.sample(range(1, 61000), 2))
    spread = sorted(draws.choices([NOW - int(draws.random() * DAYS * DAY) for _ in range(9)], k=2))
    since, until = draws.choice([(None, None), (spread[0], None), (None, spread[1]), tuple(spread)])
    several = tuple((port, port) for port in draws.sample(ports, 3))
    return Filters(
        ports=draws.choice([(), (), several, several[:1], ((8000, 8080),), ((one, other),)]),
        process=draws.choice(
            ["", "", "python", "vitest", "runserver", "case", "zzz", "nginx", "(PYTHON)", "r (j"]
        ),
        protocol=draws.choice([None, None, Protocol.TCP, Protocol.UDP]),
        limit=draws.choice([1, 5, 20, 100]),
        since=since,
        until=until,
    )


@pytest.mark.parametrize("scan", [2, 50, 2000])
def test_it_finds_what_reading_all_of_them_finds(
    reader: sqlite3.Connection, scan: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for constant in ("_FIRST_READ", "_SECOND_READ", "_SECOND_READ_OF_LISTENERS", "_FEW_EVENTS"):
        monkeypatch.setattr(events, constant, scan)
    draws = random.Random(scan)
    ports = [port for (port,) in reader.execute("SELECT DISTINCT port FROM event")]
    some = 0
    for _ in range(150):
        filters = random_filters(draws, ports)
        before = draws.choice([None, None, draws.randrange(1, 3200)])
        wanted = [tuple(row) for row in reader.execute(*plain_history(filters, before))]
        found = [tuple(row) for row in events.newest(reader, filters, before)]
        assert found == wanted, (filters, before)
        some += bool(wanted)
    assert some > 40


@pytest.mark.parametrize("scan", [2, 50, 2000])
def test_the_nearest_events_after_one_are_found_as_reading_all_of_them_finds_them(
    reader: sqlite3.Connection, scan: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for constant in ("_FIRST_READ", "_SECOND_READ", "_SECOND_READ_OF_LISTENERS", "_FEW_EVENTS"):
        monkeypatch.setattr(events, constant, scan)
    draws = random.Random(scan)
    ports = [port for (port,) in reader.execute("SELECT DISTINCT port FROM event")]
    some = 0
    for _ in range(150):
        filters = random_filters(draws, ports)
        after = draws.randrange(0, 3200)
        everything = reader.execute(*plain_history(replace(filters, limit=10_000)))
        ids = [row["id"] for row in everything if row["id"] > after]
        found = event_frame.history(reader, filters, after=after)["id"].tolist()
        assert found == ids[-filters.limit :], (filters, after)
        some += bool(found)
    assert some > 30


@pytest.mark.parametrize(
    "rare",
    [
        pytest.param(Filters(ports=((54321, 54321),), process="e"), id="port"),
        pytest.param(Filters(ports=((1, 65535),), process="only once"), id="program"),
    ],
)
def test_what_is_rare_is_read_and_not_sought_hour_by_hour(
    rare: Filters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_FIRST_READ", 2)
    monkeypatch.setattr(events, "_SECOND_READ", 2)
    db = tmp_path / "seeded.db"
    seed(db, Scale(days=DAYS, listeners=30, events=3000, sample_days=0.05), NOW)
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("UPDATE event SET port = 54321 WHERE id IN (7, 8, 2000)")
        connection.execute(
            "UPDATE program SET cmdline = 'e only once' WHERE id ="
            " (SELECT program_id FROM event WHERE id = 7)"
        )
        connection.commit()
    asked = list[str]()
    with open_connection(db) as reader:
        wanted = [tuple(row) for row in reader.execute(*plain_history(rare))]
        reader.set_trace_callback(asked.append)
        assert [tuple(row) for row in events.newest(reader, rare)] == wanted != []
    assert not [statement for statement in asked if "FROM activity" in statement]


def test_events_are_counted_as_reading_all_of_them_counts(reader: sqlite3.Connection) -> None:
    draws = random.Random(8)
    ports = [port for (port,) in reader.execute("SELECT DISTINCT port FROM event")]
    for _ in range(400):
        filters = random_filters(draws, ports)
        wanted = reader.execute(*plain_count(filters)).fetchone()[0]
        assert event_total.event_total(reader, filters) == wanted, filters


def test_all_events_of_a_range_of_time_lie_between_its_ids(reader: sqlite3.Connection) -> None:
    event_ids, draws = EventIds(reader), random.Random(5)
    for _ in range(100):
        since, until = sorted(NOW - int(draws.random() * DAYS * DAY) for _ in range(2))
        low, high = event_ids.between(since, until)
        within = "SELECT count(*) FROM event WHERE at BETWEEN ? AND ?"
        (wanted,) = reader.execute(within, (since, until)).fetchone()
        (found,) = reader.execute(f"{within} AND id BETWEEN ? AND ?", (since, until, low, high))
        assert found[0] == wanted
        first, last = event_ids.times(event_ids.between(since, until))
        within = "SELECT count(*) FROM event WHERE id BETWEEN ? AND ? AND NOT at BETWEEN ? AND ?"
        assert reader.execute(within, (low, high, first, last)).fetchone()[0] == 0


def test_ids_are_near_the_times_where_the_clock_was_steady(steady_clock: Path) -> None:
    with open_connection(steady_clock) as reader:
        low, high = EventIds(reader).between(NOW - 2 * DAY, NOW - DAY)
        wanted = reader.execute(
            "SELECT count(*) FROM event WHERE at BETWEEN ? AND ?", (NOW - 2 * DAY, NOW - DAY)
        ).fetchone()[0]
    assert high - low + 1 <= wanted + 100


def test_an_empty_history_has_no_events(db: Path, writer: Writer) -> None:
    with open_connection(db) as reader:
        for filters in (Filters(), Filters(ports=((1, 2),)), Filters(process="a", since=1)):
            assert events.newest(reader, filters) == []
            assert event_total.event_total(reader, filters) == 0
