"""Who holds it now, and who did last."""

from pathlib import Path

import pytest

from porteye_core.model import Seen
from porteye_core.store import answers
from porteye_core.store.reader import open_reader
from porteye_core.store.writer import Closing, Writer
from tests.kit.seeding import MINUTE, Instant, seed


@pytest.fixture
def ended(db: Path, writer: Writer) -> Instant:
    """The seeded history, and everything closed a minute later."""
    now = 100_000 * MINUTE
    seed(writer, now)
    at = now + MINUTE
    closed = [Closing(each, at, Seen.POLL) for each in writer.open_listeners().values()]
    writer.record_changes(at, closed=closed)
    return Instant(db, now)


def test_a_port_has_what_is_open_there_or_its_last_life(seeded: Instant) -> None:
    with open_reader(seeded.db) as reader:
        (nginx,) = answers.on_port(reader, 80, 5)
        assert (nginx.process, nginx.closed_at) == ("nginx", None)
        (again,) = answers.on_port(reader, 8765, 5)
        assert again.closed_at is None
        assert answers.on_port(reader, 9, 5) == []


def test_a_pid_has_what_it_holds(seeded: Instant) -> None:
    with open_reader(seeded.db) as reader:
        assert [each.port for each in answers.of_pid(reader, 200, 5)] == [5432]
        assert answers.of_pid(reader, 4, 5) == []


def test_a_name_is_part_of_a_name_or_a_command_line(seeded: Instant) -> None:
    with open_reader(seeded.db) as reader:
        assert [each.port for each in answers.of_name(reader, "HTTP.server", 5)] == [8765]
        assert answers.of_name(reader, "%", 5) == []


def test_what_has_closed_is_found_by_port_pid_and_name(ended: Instant) -> None:
    with open_reader(ended.db) as reader:
        for life, *_ in (
            answers.on_port(reader, 8765, 5),
            answers.of_pid(reader, 300, 5),
            answers.of_name(reader, "python3", 5),
        ):
            assert life.port == 8765
            assert life.closed_at is not None
