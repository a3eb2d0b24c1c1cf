"""The lives of a port: in a range, and before and after one."""

from pathlib import Path

import pytest

from porteye_core.model import Precision
from porteye_core.store.reading import Reader, open_reader
from porteye_core.store.writing.writer import Closing, Opening, Writer
from tests.kit.values import SECOND, endpoint, owned, process

HOUR = 3_600 * SECOND
NODE = process(10, started_at=3 * SECOND, name="node")


def live(
    writer: Writer, opened: int, closed: int | None, port: int = 3000, kind: str = "tcp"
) -> int:
    """A life of a port; returns its id."""
    server = owned(endpoint(port, kind), NODE)
    (born,) = writer.record_changes(opened, [Opening(server, opened, Precision.KERNEL)])
    if closed is not None:
        writer.record_changes(closed, closed=[Closing(born, closed, Precision.KERNEL)])
    return born.id


@pytest.fixture
def lives(writer: Writer) -> list[int]:
    """Three lives of TCP port 3000, an hour each with an hour between, among others."""
    found = []
    for hour in (1, 3, 5):
        found.append(live(writer, hour * HOUR, (hour + 1) * HOUR if hour < 5 else None))
        live(writer, hour * HOUR + SECOND, hour * HOUR + 2 * SECOND, port=3001)
        live(writer, hour * HOUR + SECOND, hour * HOUR + 2 * SECOND, kind="udp")
    return found


def shown(reader: Reader, listener: int, since: int, until: int, limit: int = 100) -> list[int]:
    of = reader.listener(listener)
    assert of is not None
    return [each.id for each in reader.port_lives(of, since, until, limit).lives]


def test_a_range_has_the_lives_that_it_overlaps(db: Path, lives: list[int]) -> None:
    with open_reader(db) as reader:
        assert shown(reader, lives[2], 0, 9 * HOUR) == lives
        assert shown(reader, lives[2], 2 * HOUR, 9 * HOUR) == lives
        assert shown(reader, lives[2], 2 * HOUR + 1, 9 * HOUR) == lives[1:]
        assert shown(reader, lives[1], 0, 3 * HOUR) == lives[:2]
        assert shown(reader, lives[0], 7 * HOUR, 9 * HOUR) == [lives[2]]


def test_what_was_open_all_the_time_is_in_a_range_without_events(
    db: Path, lives: list[int]
) -> None:
    with open_reader(db) as reader:
        assert shown(reader, lives[2], 8 * HOUR, 9 * HOUR) == [lives[2]]


def test_a_range_with_too_many_events_says_that_it_is_cut(db: Path, lives: list[int]) -> None:
    with open_reader(db) as reader:
        of = reader.listener(lives[2])
        assert of is not None
        found = reader.port_lives(of, 0, 9 * HOUR, 2)
        assert found.is_cut
        assert lives[2] in [each.id for each in found.lives]
        assert not reader.port_lives(of, 0, 9 * HOUR, 100).is_cut


def test_a_life_has_those_before_and_after_it(db: Path, lives: list[int]) -> None:
    first, second, third = lives
    with open_reader(db) as reader:
        around = {}
        for number in lives:
            of = reader.listener(number)
            assert of is not None
            around[number] = [
                None if each is None else each.id for each in reader.before_and_after(of)
            ]
    assert around == {first: [None, second], second: [first, third], third: [second, None]}


def test_a_life_has_the_start_of_its_process(db: Path, lives: list[int]) -> None:
    with open_reader(db) as reader:
        of = reader.listener(lives[0])
    assert of is not None
    assert of.started_at == 3 * SECOND
