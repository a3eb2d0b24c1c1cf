"""Who holds it now, and who did last."""

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from benchmarks.seed import seed as seed_history
from benchmarks.seeding.scale import Scale
from porteye_core.model import Precision
from porteye_core.store.file.connection import open_connection
from porteye_core.store.reading import Reader, open_reader
from porteye_core.store.reading.status import status
from porteye_core.store.writing.writer import Closing, Writer
from tests.kit.seeding import MINUTE, Instant, seed
from tests.kit.values import by_id

LONG_AGO = 1_700_000_000_000_000
_PLAINLY = """
SELECT l.id FROM event e JOIN listener l ON l.id = e.listener_id
JOIN process p ON p.id = l.process_id WHERE p.pid = ? ORDER BY p.started_at DESC, e.id DESC
"""


@pytest.fixture
def ended(db: Path, writer: Writer) -> Instant:
    """The seeded history, and everything closed a minute later."""
    now = 100_000 * MINUTE
    seed(writer, now)
    at = now + MINUTE
    closed = [Closing(each, at, Precision.POLL) for each in writer.open_listeners(by_id).values()]
    writer.record_changes(at, closed=closed)
    return Instant(db, now)


def test_a_port_has_what_is_open_there_or_its_last_life(seeded: Instant) -> None:
    with open_reader(seeded.db) as reader:
        (nginx,) = reader.on_port(80, 5)
        assert (nginx.process, nginx.closed_at) == ("nginx", None)
        (again,) = reader.on_port(8765, 5)
        assert again.closed_at is None
        assert reader.on_port(9, 5) == []


def test_a_pid_has_what_it_holds(seeded: Instant) -> None:
    with open_reader(seeded.db) as reader:
        assert [each.port for each in reader.of_pid(200, 5)] == [5432]
        assert reader.of_pid(4, 5) == []


def test_a_name_is_part_of_a_name_or_a_command_line(seeded: Instant) -> None:
    with open_reader(seeded.db) as reader:
        assert [each.port for each in reader.of_name("HTTP.server", 5)] == [8765]
        assert reader.of_name("%", 5) == []


def test_what_has_closed_is_found_by_port_pid_and_name(ended: Instant) -> None:
    with open_reader(ended.db) as reader:
        for life, *_ in (
            reader.on_port(8765, 5),
            reader.of_pid(300, 5),
            reader.of_name("python3", 5),
        ):
            assert life.port == 8765
            assert life.closed_at is not None


def test_a_pid_that_came_again_has_the_last_life_of_its_newest_process(tmp_path: Path) -> None:
    db = tmp_path / "seeded.db"
    seed_history(db, Scale(days=2, listeners=5, events=2000, sample_days=0.05), LONG_AGO)
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("UPDATE process SET pid = 7000 + id % 40")  # each comes again
        connection.commit()
    with open_connection(db) as connection:
        reader = Reader(connection, partial(status, connection, db))
        for pid in range(7000, 7040):
            if not any(each.closed_at is None for each in reader.of_pid(pid, 5)):
                (last,) = reader.of_pid(pid, 5)
                assert last.id == connection.execute(_PLAINLY, (pid,)).fetchone()[0]
